//! `pause` and `resume`: bindings that begin nothing, and go on, in all workers and across restarts.

use clap::Args;
use serde_json::json;

use crate::args::{Format, Output};
use crate::failure::Outcome;
use crate::out::Out;
use crate::verbs::application::{self, Application};
use crate::verbs::control::{self, Control};

#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    application: Application,
    /// Which binding; default: all of the application
    #[arg(long, value_name = "GROUP|FUNCTION")]
    binding: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Calls under way end and are committed; nothing else begins until the binding is resumed.
pub(crate) fn pause(args: &Pause) -> Outcome {
    each(args, true)
}

/// Paused bindings go on, and so do lanes that have stopped by now.
pub(crate) fn resume(args: &Pause) -> Outcome {
    each(args, false)
}

fn each(args: &Pause, pause: bool) -> Outcome {
    let manifest = args.application.load()?;
    let bindings = application::bindings(&manifest, args.binding.as_deref())?;
    let control = Control::open(&manifest)?;
    let mut out = Out::new();
    for binding in bindings {
        let mut wish = control.wish(&binding.group);
        let was = wish.paused;
        wish.paused = pause;
        if !pause {
            wish.resumed_at = Some(control::now());
        }
        control.write(&binding.group, &wish)?;
        let (group, function) = (&binding.group, &binding.function);
        match args.output.format {
            Format::Json => out.json(&json!({
                "binding": group, "function": function, "paused": pause, "was_paused": was,
            }))?,
            Format::Text => out.line(&match (pause, was) {
                (true, false) => format!("paused {group} (function {function})"),
                (true, true) => format!("{group} (function {function}) was paused already"),
                (false, true) => format!("resumed {group} (function {function})"),
                (false, false) => {
                    format!("{group} (function {function}) was not paused; lanes that have stopped by now go on")
                }
            })?,
        }
    }
    out.flush()
}
