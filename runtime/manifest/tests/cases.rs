//! Each folder of `cases` holds a manifest with mistakes and, in `error.txt`, the whole report that it must give.

use std::path::Path;

use veltrix_manifest::load;

#[test]
fn reports_every_mistake_with_its_place_and_its_fix() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut names: Vec<_> = std::fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|case| case.is_dir());
    names.sort();
    assert!(names.len() >= 80, "cases are missing");
    let wrong: Vec<String> = names.iter().filter_map(|case| differs(case)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What differs from the expected report, which is written anew when `VELTRIX_BLESS` is set.
fn differs(case: &Path) -> Option<String> {
    let found = match load(case) {
        Ok(_) => "no problem".to_owned(),
        // Folders differ from machine to machine.
        Err(problems) => problems.to_string().replace(&format!("{}/", case.display()), "") + "\n",
    };
    let file = case.join("error.txt");
    if std::env::var_os("VELTRIX_BLESS").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    (found != expected).then(|| format!("{}\n--- expected\n{expected}--- found\n{found}", case.display()))
}
