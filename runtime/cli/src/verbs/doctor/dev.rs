//! What a `veltrix dev` wrote about itself: stale, it leads `publish`, `tail` and `cql` to nobody.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use super::Subject;
use super::check::{Check, quoted};
use crate::servers::{DEV_FILE, Dev};

/// How long somebody on this machine may take to answer.
const SOON: Duration = Duration::from_secs(2);

pub(crate) fn look(subject: &Subject) -> Vec<Check> {
    let file = subject.folder.join(DEV_FILE);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => return vec![useless(&file, &error.to_string())],
    };
    let dev: Dev = match serde_json::from_str(&text) {
        Ok(dev) => dev,
        Err(error) => return vec![useless(&file, &format!("not what `veltrix dev` writes: {error}"))],
    };
    let addresses: Vec<String> = [dev.kafka, dev.cassandra].into_iter().flatten().collect();
    vec![match addresses.iter().any(|address| answers(address)) {
        true => Check::good("dev", format!("`veltrix dev` runs here, at {}", addresses.join(" and "))),
        false => useless(&file, &format!("stale: nobody is at {}", addresses.join(" or "))),
    }]
}

fn useless(file: &Path, why: &str) -> Check {
    let message = format!("{}: {why}; `publish`, `tail` and `cql` would go by it", file.display());
    let path = file.to_owned();
    Check::problem("dev", message)
        .fix(format!("rm {}", quoted(file)))
        .mend(move || std::fs::remove_file(&path).map_err(|error| error.to_string()))
}

fn answers(addresses: &str) -> bool {
    let sockets = addresses.split(',').filter_map(|address| address.trim().to_socket_addrs().ok());
    sockets.flatten().any(|address| TcpStream::connect_timeout(&address, SOON).is_ok())
}
