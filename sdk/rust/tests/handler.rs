//! What `#[handler]` takes, and what it says of the rest.

#[test]
fn tells_what_is_wrong_with_a_signature() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
