//! The application that an operator's verb is about, and the bindings of it.

use std::path::{Path, PathBuf};

use clap::Args;
use veltrix_manifest::{Binding, Manifest, Options, is_pattern, load_with};

use crate::args::{CassandraArg, KafkaArg};
use crate::failure::Failure;
use crate::servers;

#[derive(Debug, Args)]
pub(crate) struct Application {
    /// A manifest, or a folder that holds veltrix.toml
    #[arg(default_value = ".")]
    file: PathBuf,
    #[command(flatten)]
    kafka: KafkaArg,
}

impl Application {
    /// Its manifest; the modules need not be there.
    pub(crate) fn load(&self) -> Result<Manifest, Failure> {
        self.load_with(false, Vec::new())
    }

    /// Its manifest, to run functions of it.
    pub(crate) fn load_to_run(&self, cassandra: &CassandraArg) -> Result<Manifest, Failure> {
        self.load_with(true, cassandra.given())
    }

    /// On the servers that are named, or those of the `dev` that runs it, or its own.
    fn load_with(&self, files: bool, mut cassandra: Vec<String>) -> Result<Manifest, Failure> {
        let mut kafka = self.kafka.given();
        let folder = if self.file.is_dir() { Some(self.file.as_path()) } else { self.file.parent() };
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dev = if kafka.is_empty() { servers::dev(folder)? } else { None };
        if let Some(dev) = &dev {
            kafka = dev.brokers();
            if cassandra.is_empty() {
                cassandra = dev.nodes();
            }
            tracing::info!(
                kafka = kafka.join(","),
                process = dev.pid,
                "on the servers of the `veltrix dev` that runs it"
            );
        }
        let mut manifest = load_with(&self.file, &Options { files, kafka, cassandra })?;
        if dev.is_some_and(|dev| dev.embedded) {
            // They are for another one.
            manifest.kafka.properties.clear();
        }
        Ok(manifest)
    }
}

/// The brokers of a manifest, for short-lived clients.
pub(crate) fn kafka(manifest: &Manifest) -> servers::Kafka {
    servers::Kafka {
        brokers: manifest.kafka.brokers.clone(),
        properties: manifest.kafka.properties.clone(),
        embedded: false,
    }
}

/// The bindings of that group or function; all without a name.
pub(crate) fn bindings<'a>(manifest: &'a Manifest, name: Option<&str>) -> Result<Vec<&'a Binding>, Failure> {
    let Some(name) = name else { return Ok(manifest.bindings.iter().collect()) };
    // Two bindings of a function are told apart by their groups.
    let of = |known: fn(&Binding) -> &str| manifest.bindings.iter().filter(|b| known(b) == name).collect::<Vec<_>>();
    let by_group = of(|binding| &binding.group);
    let found = if by_group.is_empty() { of(|binding| &binding.function) } else { by_group };
    if found.is_empty() {
        let there: Vec<_> =
            manifest.bindings.iter().map(|b| format!("{} (function {})", b.group, b.function)).collect();
        return Err(Failure::usage(format!("there is no binding {name}; there are: {}", there.join(", "))));
    }
    Ok(found)
}

/// The one binding of that group or function; without a name, the only one there is.
pub(crate) fn binding<'a>(manifest: &'a Manifest, name: Option<&str>) -> Result<&'a Binding, Failure> {
    let found = bindings(manifest, name)?;
    if let [only] = found[..] {
        return Ok(only);
    }
    let groups: Vec<_> = found.iter().map(|binding| binding.group.as_str()).collect();
    Err(Failure::usage(format!("which binding? name one by its group with --binding: {}", groups.join(", "))))
}

/// Whether a binding takes events of that topic. A pattern is taken to match: only the broker's client can tell.
pub(crate) fn takes(binding: &Binding, topic: &str) -> bool {
    binding.topics.iter().any(|named| named == topic || is_pattern(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let text = "name = 'shop'\n[kafka]\nbrokers = ['b:1']\n\
            [[binding]]\ntopics = ['orders']\nfunction = 'stock'\n\
            [[binding]]\ntopics = ['returns']\nfunction = 'stock'\ngroup = 'back'\n\
            [[binding]]\ntopics = ['^x\\..*']\nfunction = 'other'\n[function.stock]\n[function.other]\n";
        veltrix_manifest::parse(text, Path::new(".")).unwrap()
    }

    fn message(failure: Failure) -> String {
        match failure {
            Failure::Usage(error) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bindings_are_found_by_group_or_function_and_told_when_there_are_others() {
        let manifest = manifest();
        let groups = |name| bindings(&manifest, name).unwrap().iter().map(|b| b.group.clone()).collect::<Vec<_>>();
        assert_eq!(groups(Some("back")), ["back"]);
        assert_eq!(groups(Some("stock")), ["shop.stock", "back"]);
        assert_eq!(groups(None).len(), 3);
        let told = message(bindings(&manifest, Some("stok")).unwrap_err());
        assert_eq!(
            told,
            "there is no binding stok; there are: shop.stock (function stock), back (function stock), shop.other (function other)"
        );
        assert_eq!(binding(&manifest, Some("other")).unwrap().group, "shop.other");
        assert!(message(binding(&manifest, Some("stock")).unwrap_err()).contains("--binding: shop.stock, back"));
        assert!(takes(&manifest.bindings[2], "anything") && !takes(&manifest.bindings[0], "returns"));
    }
}
