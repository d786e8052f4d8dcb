//! Each folder of `bad` holds cases with mistakes and, in `error.txt`, all that must be told of them at once.

use std::path::Path;

use veltrix_cases::{CasesError, Options, run};

#[tokio::test]
async fn every_mistake_is_told_with_its_place() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let manifest = std::fs::read_to_string(home.join("veltrix.toml")).unwrap();
    let mut wrong = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    assert!(folders.len() >= 11, "folders are missing");
    for folder in folders {
        let options = Options {
            manifest: veltrix_manifest::parse(&manifest, &folder).unwrap(),
            cases: Vec::new(),
            filter: None,
            update: false,
            cache: None,
            servers: None,
        };
        let found = match run(options).await {
            Err(CasesError::Problems(problems)) => problems.to_string(),
            other => format!("{other:?}"),
        };
        // Folders differ from machine to machine.
        let found = found.replace(&format!("{}/", folder.display()), "") + "\n";
        let file = folder.join("error.txt");
        if std::env::var_os("VELTRIX_BLESS").is_some() {
            std::fs::write(&file, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}\n--- expected\n{expected}--- found\n{found}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
