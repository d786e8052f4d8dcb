//! `inspect`: what a module is, without running it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use veltrix_wasm::{CONTRACT, ModuleInfo, Sandbox, SandboxConfig, World};

use crate::args::{Format, Output};
use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::out::Out;

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A component: .wasm or .wat
    module: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Inspect) -> Outcome {
    let load = async { Sandbox::new(SandboxConfig::default())?.load(&args.module).await };
    let shown = args.module.display();
    let module =
        clients::runtime()?.block_on(load).map_err(|error| Failure::usage(format!("{shown}: {}", error.told())))?;
    let info = module.info();
    let mut out = Out::new();
    match args.output.format {
        Format::Json => out.json(&json!({
            "module": args.module,
            "sha256": info.sha256,
            "size": info.size,
            "contract": info.contract,
            "host_contract": CONTRACT,
            "world": world(info),
            "initial_memory": info.initial_memory,
            "imports": info.imports,
            "exports": info.exports,
            "uses_cassandra": info.uses_cassandra,
        }))?,
        Format::Text => {
            out.line(&format!("module    {shown}"))?;
            out.line(&format!("sha256    {}", info.sha256))?;
            out.line(&format!("size      {} bytes; {} bytes of memory to start with", info.size, info.initial_memory))?;
            out.line(&format!(
                "contract  veltrix:function@{} ({}); this host speaks {CONTRACT}",
                info.contract,
                world(info)
            ))?;
            list(&mut out, "exports", &info.exports)?;
            list(&mut out, "imports", &info.imports)?;
            let cassandra = match info.uses_cassandra {
                true => "`cassandra` for the tables it uses, ",
                false => "",
            };
            out.line(&format!(
                "to grant  {cassandra}`emits` for the topics it emits to, `vars` and `secrets` it reads"
            ))?;
        }
    }
    out.flush()
}

fn world(info: &ModuleInfo) -> &'static str {
    match info.world {
        World::Async => "async",
        World::Sync => "sync",
    }
}

fn list(out: &mut Out, name: &str, entries: &[String]) -> Outcome {
    let none = ["none".to_owned()];
    let entries = if entries.is_empty() { &none } else { entries };
    for (index, entry) in entries.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        out.line(&format!("{name:<10}{entry}"))?;
    }
    Ok(())
}
