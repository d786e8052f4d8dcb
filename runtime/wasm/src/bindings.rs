//! Rust types and traits of the contract's imports, generated from `sdk/wit`.
// What is generated holds `unsafe impl`s of wasmtime's own traits, checked by its macro.
#![allow(unsafe_code, unreachable_pub, missing_docs)]

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    interfaces: "
        import veltrix:function/host@1.0.0;
        import veltrix:function/flow@1.0.0;
        import veltrix:function/cassandra@1.0.0;
        import veltrix:function/flow-sync@1.0.0;
        import veltrix:function/cassandra-sync@1.0.0;
    ",
    imports: {
        "veltrix:function/flow-sync": async | trappable,
        "veltrix:function/cassandra-sync": async | trappable,
        default: trappable,
    },
});

pub(crate) use veltrix::function::{cassandra, cassandra_sync, cql, flow, flow_sync, host};
