//! Why a module could not be loaded, and why a call ended.

use std::path::PathBuf;

use crate::contract::CONTRACT;

/// A module that cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Neither Wasm nor WebAssembly text.
    #[error("not a WebAssembly module: it begins with {begins}")]
    NotWasm {
        /// The first bytes, printable.
        begins: String,
    },
    /// A core module, not a component.
    #[error("a core WebAssembly module, not a component")]
    CoreModule,
    /// Compiled machine code, which is never taken from outside.
    #[error("compiled machine code (.cwasm), not WebAssembly")]
    Precompiled,
    /// Larger than the sandbox accepts.
    #[error("the module has {size} bytes, the most is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// Truncated, malformed, or it uses a feature that is off.
    #[error("not a valid component: {message}")]
    Invalid {
        /// What the validator said, with its offset.
        message: String,
    },
    /// It imports something that this host does not have.
    #[error("imports `{import}` ({item}), which this host does not offer")]
    UnknownImport {
        /// The import's full name.
        import: String,
        /// The function or type within it that is missing.
        item: String,
        /// The contract's version of this host.
        ours: &'static str,
    },
    /// An import of the right name whose functions or types differ.
    #[error("imports `{import}` in another shape than this host offers: {message}")]
    ImportMismatch {
        /// The import's full name.
        import: String,
        /// The difference.
        message: String,
    },
    /// Built against another version of the contract.
    #[error("built for veltrix:function@{theirs} (`{name}`), this host speaks veltrix:function@{ours}")]
    Contract {
        /// The import or export that says so.
        name: String,
        /// The module's version.
        theirs: String,
        /// This host's version.
        ours: &'static str,
        /// What to do.
        fix: &'static str,
    },
    /// Does not export the handler.
    #[error("exports no `veltrix:function/handler@{ours}`, so it is no function; it exports {exports}")]
    NoHandler {
        /// What it exports instead.
        exports: String,
        /// This host's version.
        ours: &'static str,
    },
    /// Exports a handler of another type.
    #[error("exports `{export}` in another shape than this host calls: {message}")]
    ExportMismatch {
        /// The export's full name.
        export: String,
        /// The difference.
        message: String,
    },
    /// Needs more memory to start than its limit.
    #[error("needs {needs} bytes of memory before it runs, its limit is {limit}")]
    Memory {
        /// Bytes its memories start with.
        needs: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A limit above what the operator allows any function.
    #[error("limits.memory of {limit} bytes is above this worker's ceiling of {ceiling}")]
    Ceiling {
        /// The function's limit in bytes.
        limit: u64,
        /// The sandbox's ceiling.
        ceiling: u64,
    },
    /// The engine could not be set up, or failed while it compiled.
    #[error("{doing}: {message}")]
    Engine {
        /// What it was doing.
        doing: &'static str,
        /// What it said.
        message: String,
    },
}

impl LoadError {
    /// What to do about it; may be empty.
    pub fn fix(&self) -> String {
        match self {
            Self::NotWasm { .. } => "build the function for the target wasm32-wasip2".into(),
            Self::CoreModule => "build it for the target wasm32-wasip2 (a module for wasm32-unknown-unknown or \
                wasm32-wasip1 becomes one with `wasm-tools component new`)"
                .into(),
            Self::Precompiled => "give the .wasm file that it was made from".into(),
            Self::TooLarge { .. } => "strip debug information, or build with opt-level \"s\"".into(),
            Self::Invalid { .. } => "build it again, for the target wasm32-wasip2".into(),
            Self::UnknownImport { ours, .. } => format!(
                "a function may import veltrix:function@{ours} and WASI 0.2 (cli, clocks, filesystem, io, random, sockets)"
            ),
            Self::ImportMismatch { .. } | Self::ExportMismatch { .. } => {
                format!("build it against the WIT of veltrix:function@{CONTRACT}")
            }
            Self::Contract { fix, .. } => (*fix).into(),
            Self::NoHandler { .. } => "write #[handler] before the function, or give the module of one".into(),
            Self::Memory { .. } => "raise limits.memory".into(),
            Self::Ceiling { .. } => "lower it".into(),
            Self::Read { .. } | Self::Engine { .. } => String::new(),
        }
    }

    /// What is wrong, and what to do about it.
    pub fn told(&self) -> String {
        let fix = self.fix();
        if fix.is_empty() { self.to_string() } else { format!("{self} — {fix}") }
    }
}

/// How a call ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallErrorKind {
    /// The guest trapped: a panic, an index out of bounds, recursion without end, a wait for nothing.
    Trap,
    /// It asked for more memory than its limit.
    Memory,
    /// It executed for longer than its budget.
    Cpu,
    /// The wall clock of the call ran out.
    Deadline,
    /// It sent something that breaks the contract.
    Malformed,
    /// It failed before the call: while the instance was made; or it said itself that it can't work as configured.
    Instantiate,
}

impl CallErrorKind {
    /// Short name, for metrics and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Deadline => "deadline",
            Self::Malformed => "malformed",
            Self::Instantiate => "instantiate",
        }
    }
}

/// A call that failed. The instance is dead whatever the kind: drop it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// How it ended.
    pub kind: CallErrorKind,
    /// What happened, for people: cause, and where in the guest.
    pub message: String,
    /// The event named by the guest's panic hook: the trap is its.
    pub panicked_event: Option<u32>,
    /// The event marked last, in isolate mode.
    pub marked: Option<u32>,
}
