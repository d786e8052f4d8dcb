//! The README's tutorial, run line by line as it stands there.

use std::process::{Command, Stdio};

use veltrix_tests::build;

const SECTION: &str = "## Your own, in five minutes\n";

/// A command, and what its output has to hold.
struct Step {
    command: String,
    shows: Vec<String>,
}

/// The commands of a section: lines of fenced blocks. What they show stands below them, behind `# `.
fn steps(readme: &str) -> Vec<Step> {
    let section = readme.split_once(SECTION).expect("the README has the section").1;
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let mut steps: Vec<Step> = Vec::new();
    for line in section.split("```").skip(1).step_by(2).flat_map(str::lines) {
        match (line.strip_prefix("# "), steps.last_mut()) {
            (Some(shown), Some(step)) => step.shows.push(shown.to_owned()),
            _ if line.trim().is_empty() => {}
            _ => steps.push(Step { command: line.to_owned(), shows: Vec::new() }),
        }
    }
    steps
}

#[test]
fn every_line_of_the_tutorial_does_what_it_says() {
    let readme = std::fs::read_to_string(build::root().join("README.md")).expect("the README is there");
    let steps = steps(&readme);
    assert!(steps.len() >= 8, "the tutorial has its lines");
    let here = tempfile::tempdir().expect("a folder is made");
    let mut script = "set -e\nexec 2>&1\n".to_owned();
    for (number, Step { command, .. }) in steps.iter().enumerate() {
        script += &format!("echo '@@{number}'\n{command}\n");
        if let Some(name) = command.strip_prefix("veltrix new ") {
            // What the workspace has built already need not be built again.
            script += &format!("ln -s '{}' {name}/target\n", build::target().display());
        }
    }
    let folder = build::veltrix().parent().expect("the command lies in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(here.path())
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("VELTRIX_KAFKA")
        .env_remove("VELTRIX_CASSANDRA")
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "the last of these failed:\n{told}");
    for (number, Step { command, shows }) in steps.iter().enumerate() {
        let after = told.split_once(&format!("@@{number}\n")).expect("each line was run").1;
        let own = after.split("\n@@").next().unwrap_or_default();
        for line in shows {
            assert!(own.lines().any(|told| told == line), "`{command}` does not print {line:?}:\n{own}");
        }
    }
}

#[test]
fn lines_below_a_command_are_what_it_shows() {
    let readme =
        format!("# A\n{SECTION}Do:\n```\na b\n#   one\nc\n```\nthen\n\n```\nd\n# two\n```\n## Next\n```\ne\n```\n");
    let steps: Vec<_> = steps(&readme).into_iter().map(|step| (step.command, step.shows)).collect();
    let step = |command: &str, shows: &[&str]| (command.to_owned(), shows.iter().map(ToString::to_string).collect());
    assert_eq!(steps, [step("a b", &["  one"]), step("c", &[]), step("d", &["two"])]);
}
