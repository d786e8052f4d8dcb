//! What a component says it is: the version of the contract it was built for, its world, and whether it fits.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, Type};

use crate::error::LoadError;
use crate::module::World;

/// The contract's version of this host. A component built for the same major and an older minor fits.
pub const CONTRACT: &str = "1.0.0";

const PACKAGE: &str = "veltrix:function/";
const OURS: (u64, u64) = (1, 0);

/// Version and world of a component, and where its handler is.
pub(crate) struct Contract {
    pub(crate) version: String,
    pub(crate) world: World,
    pub(crate) handle: ComponentExportIndex,
}

/// Splits `veltrix:function/cassandra@1.0.0` into interface and version; none for other packages.
pub(crate) fn interface(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').unwrap_or((rest, "none")))
}

/// Refuses imports and exports of another version of the contract.
pub(crate) fn check_versions<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), LoadError> {
    for name in names {
        let Some((_, theirs)) = interface(name) else { continue };
        let fix = match major_minor(theirs) {
            Some((major, minor)) if major == OURS.0 && minor <= OURS.1 => continue,
            Some(version) if version > OURS => "update veltrix, or build the function with an older veltrix-sdk",
            Some(_) | None => "build the function again with the veltrix-sdk that belongs to this veltrix",
        };
        return Err(LoadError::Contract { name: name.into(), theirs: theirs.into(), ours: CONTRACT, fix });
    }
    Ok(())
}

/// Finds the handler of either world and checks its type.
pub(crate) fn handler(component: &Component, exports: &[String]) -> Result<Contract, LoadError> {
    for export in exports {
        let (version, world) = match interface(export) {
            Some(("handler", version)) => (version, World::Async),
            Some(("handler-sync", version)) => (version, World::Sync),
            _ => continue,
        };
        let mismatch = |message: &str| LoadError::ExportMismatch { export: export.clone(), message: message.into() };
        let handle = component
            .get_export_index(None, export.as_str())
            .and_then(|instance| component.get_export(Some(&instance), "handle"));
        let Some((ComponentItem::ComponentFunc(function), handle)) = handle else {
            return Err(mismatch("it has no function `handle`"));
        };
        let bytes = |ty: &Type| matches!(ty, Type::List(list) if list.ty() == Type::U8);
        let params: Vec<_> = function.params().map(|(_, ty)| ty).collect();
        let results: Vec<_> = function.results().collect();
        let fits = matches!(params.as_slice(), [param] if bytes(param))
            && matches!(results.as_slice(), [result] if bytes(result));
        if !fits {
            return Err(mismatch("`handle` has to take and give back one list<u8>"));
        }
        if function.async_() != (world == World::Async) {
            return Err(mismatch("`handle` is async in `handler`, and not in `handler-sync`"));
        }
        return Ok(Contract { version: version.into(), world, handle });
    }
    let exports = match exports {
        [] => "nothing".into(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    Err(LoadError::NoHandler { exports, ours: CONTRACT })
}

fn major_minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_major_and_older_minor_fit() {
        let names = ["wasi:cli/stdout@0.2.6", "veltrix:function/host@1.0.0", "veltrix:function/flow@1.0.7"];
        check_versions(names.into_iter()).unwrap();
    }

    #[test]
    fn other_versions_are_refused_by_both_names() {
        for theirs in ["0.1.0", "1.1.0", "2.0.0", "1", "x.y.z"] {
            let name = format!("veltrix:function/host@{theirs}");
            let message = check_versions(std::iter::once(name.as_str())).unwrap_err().to_string();
            assert!(message.contains(&format!("built for veltrix:function@{theirs}")), "{message}");
            assert!(message.contains("this host speaks veltrix:function@1.0.0"), "{message}");
        }
        let message = check_versions(std::iter::once("veltrix:function/host")).unwrap_err().to_string();
        assert!(message.contains("@none"), "{message}");
    }

    #[test]
    fn version_constants_agree() {
        assert_eq!(major_minor(CONTRACT), Some(OURS));
        let wit = include_str!("../../../sdk/wit/function.wit");
        assert!(wit.contains(&format!("package veltrix:function@{CONTRACT};")));
    }
}
