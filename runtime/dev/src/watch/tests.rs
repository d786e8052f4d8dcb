//! What is told of files that are written, replaced and made again.

use super::*;
use crate::report::Lines;

const LONG: Duration = Duration::from_secs(60);

/// An application in a folder, watched.
struct Place {
    dir: tempfile::TempDir,
    watch: Watch,
}

impl Place {
    /// One function `f`, whose module is `out/f.wasm`, and what is watched for it.
    fn of(folders: &[&str], watched: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in folders {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let text = format!(
            "name = 'n'\n[kafka]\nbrokers = ['b:1']\n[cassandra]\nnodes = ['c:1']\nkeyspace = 'k'\nschema = 's.cql'\n\
             [[binding]]\ntopics = ['t']\nfunction = 'f'\n[function.f]\nmodule = 'out/f.wasm'\nbuild = 'true'\nwatch = [{watched}]\n"
        );
        let file = dir.path().join("veltrix.toml");
        std::fs::write(&file, &text).unwrap();
        let manifest = veltrix_manifest::parse(&text, dir.path()).unwrap();
        let watch = Watch::start(&file, Arc::<Lines>::default()).unwrap();
        watch.follow(&file, std::iter::once(&manifest));
        Self { dir, watch }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str) {
        std::fs::write(self.at(name), name).unwrap();
    }

    /// As most editors do it: a new file takes the place of the old one.
    fn save(&self, name: &str) {
        self.write("new");
        std::fs::rename(self.at("new"), self.at(name)).unwrap();
    }

    async fn next(&self, what: &str) -> Changes {
        tokio::time::timeout(LONG, self.watch.next()).await.expect(what)
    }

    /// Waits for the function to be built again; whatever else is told meanwhile.
    async fn wait_sources(&self, what: &str) {
        while self.next(what).await.sources != names() {}
    }

    /// Takes what is told within a moment, of the past.
    async fn rest(&self) {
        while tokio::time::timeout(Duration::from_millis(300), self.watch.next()).await.is_ok() {}
    }
}

fn names() -> BTreeSet<String> {
    BTreeSet::from(["f".to_owned()])
}

fn of_sources() -> Changes {
    Changes { sources: names(), ..Changes::default() }
}

#[tokio::test]
async fn tells_what_a_written_file_means_and_nothing_of_others() {
    let place = Place::of(&["out", "f/src/target"], "'f/src'");
    for (name, expected) in [
        ("f/src/lib.rs", of_sources()),
        ("out/f.wasm", Changes { modules: names(), ..Changes::default() }),
        ("s.cql", Changes { schema: true, ..Changes::default() }),
        ("veltrix.toml", Changes { manifest: true, ..Changes::default() }),
    ] {
        // Scratch files come first: were they told of, they would be what comes next.
        for other in ["out/other.wasm", "f/src/.lib.rs.swp", "f/src/target/x", "f/note"] {
            place.write(other);
        }
        place.save(name);
        assert_eq!(place.next(name).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_saved_by_a_rename_is_watched_on() {
    let place = Place::of(&["out", "f/src"], "'f/src', 'f/data.json'");
    for name in ["f/Cargo.toml", "f/data.json", "veltrix.toml", "s.cql", "out/f.wasm", "f/src/lib.rs"] {
        for time in 0..3 {
            place.save(name);
            assert_ne!(place.next(&format!("{name}, saved {time} times before")).await, Changes::default());
        }
    }
}

#[tokio::test]
async fn folders_that_are_deleted_replaced_and_made_again_are_watched_on() {
    let place = Place::of(&["out", "f/src/deep", "f/other"], "'f/src'");
    let again = async |what: &str| {
        place.rest().await;
        place.write("f/src/lib.rs");
        place.wait_sources(what).await;
    };
    std::fs::remove_dir_all(place.at("f/src")).unwrap();
    place.wait_sources("it is deleted").await;
    std::fs::create_dir(place.at("f/src")).unwrap();
    place.wait_sources("it is made again").await;
    again("made again").await;

    std::fs::rename(place.at("f/src"), place.at("f/old")).unwrap();
    std::fs::rename(place.at("f/other"), place.at("f/src")).unwrap();
    place.wait_sources("another takes its place").await;
    again("replaced").await;
    place.write("f/old/lib.rs");
    place.rest().await;

    // The folder above it, as when another state of the sources is checked out.
    std::fs::rename(place.at("f"), place.at("g")).unwrap();
    place.wait_sources("the folder above is renamed").await;
    std::fs::create_dir_all(place.at("f/src")).unwrap();
    again("the folder above was made again").await;
    std::fs::remove_dir_all(place.at("f")).unwrap();
    std::fs::create_dir_all(place.at("f/src/new/deep")).unwrap();
    place.wait_sources("all at once").await;
    place.rest().await;
    place.write("f/src/new/deep/lib.rs");
    place.wait_sources("a folder in a new folder").await;

    std::fs::remove_dir_all(place.at("out")).unwrap();
    std::fs::create_dir(place.at("out")).unwrap();
    place.rest().await;
    place.save("out/f.wasm");
    assert_eq!(place.next("a module in a new folder").await.modules, names());
}

#[tokio::test]
async fn the_whole_folder_may_be_the_sources() {
    let place = Place::of(&["out", "target/debug", "a/b"], "'.'");
    for name in ["lib.rs", "a/b/lib.rs", "new/lib.rs", "new/deep/lib.rs"] {
        place.rest().await;
        std::fs::create_dir_all(place.at(name).parent().unwrap()).unwrap();
        place.write(name);
        place.wait_sources(name).await;
    }
    place.rest().await;
    // What a build writes must not lead to the next.
    for made in ["target/debug/x", "target/x", "out/f.wasm"] {
        place.write(made);
    }
    let told = place.next("the module").await;
    assert_eq!(told, Changes { modules: names(), ..Changes::default() });
}

#[tokio::test]
async fn sources_that_are_not_there_at_first_are_watched_when_they_come() {
    let place = Place::of(&[], "'f/src'");
    std::fs::create_dir_all(place.at("f/src")).unwrap();
    place.wait_sources("they come").await;
    place.rest().await;
    place.write("f/src/lib.rs");
    place.wait_sources("a file in them").await;
}

#[tokio::test]
async fn a_module_that_a_build_writes_does_not_supersede_it() {
    let place = Place::of(&["out", "f/src"], "'f/src'");
    place.write("out/f.wasm");
    let short = Duration::from_millis(300);
    assert!(tokio::time::timeout(short, place.watch.superseded()).await.is_err());
    place.write("f/src/lib.rs");
    tokio::time::timeout(LONG, place.watch.superseded()).await.expect("a source does");
}

#[tokio::test]
async fn what_is_written_in_one_go_is_told_once() {
    let place = Place::of(&["out", "f/src"], "'f/src'");
    let (mut told, mut last) = (0, false);
    let write = async {
        for n in 0..500 {
            place.write(&format!("f/src/{n}.rs"));
            tokio::task::yield_now().await;
        }
    };
    let listen = async {
        while tokio::time::timeout(Duration::from_secs(1), place.watch.next()).await.is_ok() {
            told += 1;
            last |= place.at("f/src/499.rs").exists();
        }
    };
    tokio::join!(write, listen);
    // A busy machine may well pause in the middle of it.
    assert!(last && (1..10).contains(&told), "told {told} times, and {last}");
}
