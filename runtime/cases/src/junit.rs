//! A report as JUnit's XML.

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use crate::run::{Ending, Report};

/// The report of an application's cases.
///
/// # Errors
/// It can't be written as XML.
pub fn junit(application: &str, report: &Report) -> Result<String, String> {
    let mut suite = TestSuite::new(application);
    suite.set_time(report.took);
    for result in &report.results {
        let status = match &result.ending {
            Ending::Passed | Ending::Updated => TestCaseStatus::success(),
            Ending::Failed { difference, notes } => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message("not as expected");
                status.set_description(format!("{difference}{}", notes.join("\n")));
                status
            }
            Ending::Broken(problem) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status.set_message(problem.as_str());
                status
            }
        };
        let mut case = TestCase::new(result.name.as_str(), status);
        case.set_classname(application);
        case.set_time(result.took);
        suite.add_test_case(case);
    }
    let mut junit = Junit::new("veltrix test");
    junit.set_time(report.took);
    junit.add_test_suite(suite);
    junit.to_string().map_err(|error| error.to_string())
}
