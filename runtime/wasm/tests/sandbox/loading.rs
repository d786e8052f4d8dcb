//! What is loaded, and what is refused with a sentence that helps.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use veltrix_wasm::{Limits, LoadError, SandboxConfig, World};

use crate::support::*;

const SMALL: &str = include_str!("small.wat");

async fn refusal(bytes: impl Into<Vec<u8>>) -> LoadError {
    let (sandbox, _) = shared().await;
    sandbox.load_bytes(bytes.into()).await.expect_err("it is refused")
}

/// The small function with something more at its beginning.
fn with(more: &str) -> String {
    SMALL.replacen("(component", &format!("(component {more}"), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_loaded_like_a_binary() {
    let (sandbox, _) = shared().await;
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("small.wat");
    std::fs::write(&text, SMALL).unwrap();
    let from_text = sandbox.load(&text).await.unwrap();
    let binary = dir.path().join("small.wasm");
    std::fs::write(&binary, wat(SMALL)).unwrap();
    let from_binary = sandbox.load(&binary).await.unwrap();
    for module in [from_text, from_binary] {
        assert_eq!((module.info().contract.as_str(), module.info().world), ("1.0.0", World::Async));
        assert!(!module.info().uses_cassandra);
        assert_eq!(module.info().initial_memory, 17 * 65_536);
        let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
        let mut instance = function.instance().await.unwrap();
        for size in [0, 1, 1_000_000] {
            let sent: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
            let host = Arc::new(Host::default());
            assert_eq!(instance.call(sent.clone(), budget(1), host).await.unwrap(), sent);
        }
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named() {
    let (sandbox, _) = shared().await;
    let error = sandbox.load(Path::new("/nowhere/f.wasm")).await.unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/f.wasm: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_wasm_is_refused() {
    for (bytes, begins) in [
        (&b"\x7fELF\x02\x01\x01\0more"[..], r#""\x7fELF\x02\x01\x01\x00""#),
        (b"hello, world", r#""hello, w""#),
        (b"", "empty"),
        (b"\0as", r#""\x00as""#),
    ] {
        let error = refusal(bytes).await;
        assert!(matches!(error, LoadError::NotWasm { .. }), "{error:?}");
        assert!(error.to_string().contains(begins), "{error}");
        assert!(error.told().ends_with(&format!("{error} — {}", error.fix())) && error.fix().contains("wasm32-wasip2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_module_is_told_from_a_component() {
    for bytes in [b"\0asm\x01\0\0\0".to_vec(), b"(module)".to_vec(), wat("(module (func))")] {
        let error = refusal(bytes).await;
        assert!(matches!(error, LoadError::CoreModule), "{error:?}");
        assert!(error.told().ends_with(&format!("{error} — {}", error.fix())) && error.fix().contains("wasm32-wasip2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_and_damaged_modules_are_refused() {
    let whole = std::fs::read(misbehaving()).unwrap();
    for size in [8, 9, 100, whole.len() / 2, whole.len() - 1] {
        let error = refusal(&whole[..size]).await;
        assert!(matches!(error, LoadError::Invalid { .. } | LoadError::NoHandler { .. }), "{size}: {error:?}");
    }
    let error = refusal("(component (what))").await;
    assert!(matches!(error, LoadError::Invalid { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_not_taken_from_outside() {
    let (sandbox, _) = shared().await;
    let dir = tempfile::tempdir().unwrap();
    let cache_dir = Some(dir.path().join("cache"));
    let caching = crate::support::sandbox(SandboxConfig { cache_dir, max_instances: 1, ..SandboxConfig::default() });
    caching.load_bytes(SMALL.into()).await.unwrap();
    let [file] = std::fs::read_dir(dir.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let cached = std::fs::read(file).unwrap();
    assert!(matches!(sandbox.load_bytes(cached.clone()).await, Err(LoadError::NotWasm { .. })));
    // What follows our header is what any wasmtime would take for its own.
    let error = sandbox.load_bytes(cached[48..].to_vec()).await.unwrap_err();
    assert!(matches!(error, LoadError::Precompiled), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_imports_are_refused_by_name() {
    let more = r#"(import "acme:billing/ledger@1.2.0" (instance (export "post" (func))))"#;
    let error = refusal(with(more)).await;
    assert!(matches!(&error, LoadError::UnknownImport { import, .. } if import == "acme:billing/ledger@1.2.0"));
    assert!(error.to_string().contains("`acme:billing/ledger@1.2.0`"), "{error}");

    let more = r#"(import "veltrix:function/host@1.0.0" (instance (export "teleport" (func))))"#;
    let error = refusal(with(more)).await;
    assert!(error.to_string().contains("`veltrix:function/host@1.0.0` (teleport)"), "{error}");

    let more = r#"(import "wasi:http/types@0.2.0" (instance (export "x" (func))))"#;
    let error = refusal(with(more)).await;
    assert!(
        matches!(&error, LoadError::UnknownImport { import, .. } if import == "wasi:http/types@0.2.0"),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_of_another_shape_are_refused() {
    let more = r#"(import "veltrix:function/host@1.0.0" (instance (export "mark" (func (param "event" string)))))"#;
    let error = refusal(with(more)).await;
    assert!(
        matches!(&error, LoadError::ImportMismatch { import, .. } if import == "veltrix:function/host@1.0.0"),
        "{error:?}"
    );
    assert!(error.to_string().contains("`mark`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_versions_of_the_contract_are_refused_by_both_numbers() {
    for theirs in ["0.1.0", "2.0.0", "1.1.0"] {
        let export = SMALL.replace("handler@1.0.0", &format!("handler@{theirs}"));
        let import = with(&format!(
            r#"(import "veltrix:function/host@{theirs}" (instance (export "mark" (func (param "event" u32)))))"#
        ));
        for text in [export, import] {
            let error = refusal(text).await;
            assert!(matches!(&error, LoadError::Contract { .. }), "{error:?}");
            let message = error.to_string();
            assert!(message.contains(&format!("@{theirs}")) && message.contains("@1.0.0"), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_a_handler_is_no_function() {
    let error = refusal("(component)").await;
    assert!(error.to_string().contains("it exports nothing"), "{error}");
    let error = refusal(SMALL.replace("veltrix:function/handler@1.0.0", "acme:other/thing@1.0.0")).await;
    assert!(matches!(&error, LoadError::NoHandler { .. }), "{error:?}");
    assert!(error.to_string().contains("`acme:other/thing@1.0.0`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_of_another_shape_is_refused() {
    let error = refusal(SMALL.replace("(export \"handle\" (func", "(export \"handel\" (func")).await;
    assert!(matches!(&error, LoadError::ExportMismatch { .. }), "{error:?}");
    let text = SMALL.replace("(param \"batch\" (list u8))", "(param \"batch\" string)");
    let error = refusal(text).await;
    assert!(matches!(&error, LoadError::ExportMismatch { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_limits_are_checked_before_the_first_call() {
    let (sandbox, module) = shared().await;
    let grants = || Arc::new(Grants::default());
    let low = Limits { memory: 65_536, ..LIMITS };
    let error = sandbox.function(&module, low, grants()).err().unwrap();
    assert!(matches!(error, LoadError::Memory { limit: 65_536, .. }), "{error:?}");
    let high = Limits { memory: 2 << 30, ..LIMITS };
    let error = sandbox.function(&module, high, grants()).err().unwrap();
    assert!(matches!(error, LoadError::Ceiling { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_spins_or_traps_while_it_starts_fails_alone() {
    let (sandbox, _) = shared().await;
    for (start, expected) in [("(loop $again (br $again))", "CPU"), ("(unreachable)", "unreachable")] {
        let more = format!(r#"(core module $bad (func $f {start}) (start $f)) (core instance (instantiate $bad))"#);
        let module = sandbox.load_bytes(with(&more).into_bytes()).await.unwrap();
        let limits = Limits { cpu: Duration::from_millis(1), ..LIMITS };
        let function = sandbox.function(&module, limits, Arc::new(Grants::default())).unwrap();
        let error = function.instance().await.expect_err("it does not start");
        assert!(error.message.starts_with("the instance could not be started: "), "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_module_runs_outside_the_pool() {
    let sandbox = sandbox(SandboxConfig { large_module: 1 << 16, max_instances: 8, ..SandboxConfig::default() });
    let module = sandbox.load(misbehaving()).await.unwrap();
    assert!(module.info().size > 1 << 16);
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
    let mut instance = function.instance().await.unwrap();
    call(&mut instance, &["ack", "sleep:5"]).await.unwrap();
    call(&mut instance, &["allocate"]).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sync_world_runs_too() {
    let (sandbox, _) = shared().await;
    let module = sandbox.load_bytes(include_str!("small_sync.wat").into()).await.unwrap();
    assert_eq!((module.info().world, module.info().contract.as_str()), (World::Sync, "1.0.0"));
    let limits = Limits { cpu: Duration::from_millis(100), ..LIMITS };
    let function = sandbox.function(&module, limits, Arc::new(Grants::default())).unwrap();
    let mut instance = function.instance().await.unwrap();
    for _ in 0..20 {
        let host = Arc::new(Host::default());
        let mut outcome = veltrix_frame::OutcomeBuilder::new();
        outcome.ack(0);
        let mut frame = Vec::new();
        outcome.finish(&mut frame);
        let echoed = instance.call(frame.clone(), budget(1), host.clone()).await.unwrap();
        assert_eq!(echoed, frame);
        assert_eq!(host.settled.lock().unwrap().len(), 1);
        assert!(instance.reusable());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_world_and_the_functions_kind_belong_together() {
    let error = refusal(SMALL.replace("handler@", "handler-sync@")).await;
    assert!(matches!(&error, LoadError::ExportMismatch { .. }), "{error:?}");
    assert!(error.to_string().contains("async"), "{error}");
}
