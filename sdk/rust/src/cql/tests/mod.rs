//! Values byte by byte, and statements against the stand-in.

mod hostile;
mod prepare;
mod round_trip;
mod rows;
mod statements;
mod text;
mod types;
mod vectors;

use std::rc::Rc;

use super::encode::{ToCql, write_value};
use super::error::ValueError;
use super::script::Script;
use super::types::CqlType;
use super::wire::Reader;
use super::{FromCql, UdtType};
use crate::host::native::World;

fn encode(value: impl ToCql, ty: &CqlType) -> Result<Vec<u8>, ValueError> {
    let mut bytes = Vec::new();
    write_value(&value, ty, &mut bytes)?;
    Ok(bytes)
}

/// Without the length.
fn body(value: impl ToCql, ty: &CqlType) -> Vec<u8> {
    encode(value, ty).unwrap().split_off(4)
}

fn decode<T: FromCql>(bytes: &[u8], ty: &CqlType) -> Result<T, ValueError> {
    T::from_cql(ty, Some(bytes))
}

fn round_trip<T: FromCql + ToCql>(value: &T, ty: &CqlType) -> T {
    let bytes = encode(value, ty).unwrap();
    T::from_cql(ty, Reader::new(&bytes).bytes().unwrap()).unwrap()
}

fn list(element: CqlType) -> CqlType {
    CqlType::List(Box::new(element))
}

fn set(element: CqlType) -> CqlType {
    CqlType::Set(Box::new(element))
}

fn map(key: CqlType, value: CqlType) -> CqlType {
    CqlType::Map(Box::new(key), Box::new(value))
}

fn vector(element: CqlType, dimensions: u32) -> CqlType {
    CqlType::Vector(Box::new(element), dimensions)
}

fn address() -> CqlType {
    let fields = [("street", CqlType::Text), ("zip", CqlType::Int)];
    let fields = fields.map(|(name, ty)| (name.to_owned(), ty)).to_vec();
    CqlType::Udt(UdtType { keyspace: "shop".to_owned(), name: "address".to_owned(), fields })
}

/// Runs a future in a world where Cassandra answers by a script.
fn with<T>(script: &Script, future: impl Future<Output = T>) -> T {
    let world = Rc::new(World::default());
    *world.cassandra.borrow_mut() = Some(Box::new(script.clone()));
    world.run(future)
}
