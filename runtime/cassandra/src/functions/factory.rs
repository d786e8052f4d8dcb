//! Functions that take arguments of any type, or any of a kind, so that each call makes its own.

use std::sync::Arc;

use super::aggregate::Kind;
use super::{Argument, Function, Match, bare, collection, json, mask, vector};
use crate::api::Error;
use crate::types::CqlType;

/// The function of that name for these arguments; `None` if it is not one of this file.
pub(super) fn make<A: Argument>(
    name: &str,
    arguments: &[A],
    receiver: Option<&CqlType>,
) -> Option<Result<Function, Error>> {
    let call = Call { name, arguments, receiver };
    Some(match name {
        "tojson" | "to_json" => {
            call.typed("any", 1, 1, |of| Ok(Function::lenient(name, of, CqlType::Text, json::to_json)))
        }
        "fromjson" | "from_json" => call.json_value(),
        "count" if arguments.len() != 1 => invalid(format!(
            "Invalid number of arguments in call to function system.count: 1 required but {} provided",
            arguments.len()
        )),
        // Nothing is asked of what is counted.
        "count" if arguments[0].is_marker() => {
            Ok(Function::aggregate(name, &[CqlType::Blob], CqlType::Bigint, Kind::Count))
        }
        "count" => call.typed("any", 1, 1, |of| Ok(Function::aggregate(name, of, CqlType::Bigint, Kind::Count))),
        "min" | "max" => {
            let kind = if name == "min" { Kind::Least } else { Kind::Greatest };
            call.typed("any", 1, 1, |of| Ok(Function::aggregate(name, of, of[0].freeze(), kind)))
        }
        "map_keys" | "map_values" => call.typed("map", 1, 1, |of| match &of[0] {
            CqlType::Map { key, .. } if name == "map_keys" => {
                let keys = CqlType::Set { element: Arc::clone(key), frozen: false };
                Ok(Function::strict(name, of, keys, collection::keys))
            }
            CqlType::Map { value, .. } => {
                let values = CqlType::List { element: Arc::clone(value), frozen: false };
                Ok(Function::strict(name, of, values, collection::values))
            }
            other => call.wants("a map argument", other),
        }),
        "collection_count" => call.typed("collection", 1, 1, |of| match of[0].is_collection() {
            true => Ok(Function::strict(name, of, CqlType::Int, collection::count)),
            false => call.wants("a collection argument", &of[0]),
        }),
        "collection_min" | "collection_max" => call.typed("numeric_set_or_list", 1, 1, |of| match element(&of[0]) {
            Some(element) => Ok(Function::strict(name, of, element, collection::extreme)),
            None => call.wants("a set or list argument", &of[0]),
        }),
        "collection_sum" | "collection_avg" => call.typed("numeric_set_or_list", 1, 1, |of| {
            match element(&of[0]).filter(|element| super::candidates::NUMBERS.contains(element)) {
                Some(element) => Ok(Function::strict(name, of, element, collection::total)),
                None => call.wants("a numeric set/list argument", &of[0]),
            }
        }),
        "similarity_cosine" | "similarity_euclidean" | "similarity_dot_product" => call.similarity(),
        "mask_null" => call.typed("any", 1, 1, |of| Ok(Function::lenient(name, of, of[0].clone(), mask::null))),
        "mask_default" => call.typed("any", 1, 1, |of| Ok(Function::lenient(name, of, of[0].clone(), mask::default))),
        "mask_replace" => call.replacement(),
        "mask_inner" | "mask_outer" => call.partial(),
        "mask_hash" => call.typed("any, [text]", 1, 2, |of| {
            let arguments = if of.len() == 2 { vec![of[0].clone(), CqlType::Text] } else { of.to_vec() };
            Ok(Function::lenient(name, &arguments, CqlType::Blob, mask::hash))
        }),
        _ => return None,
    })
}

struct Call<'a, A> {
    name: &'a str,
    arguments: &'a [A],
    receiver: Option<&'a CqlType>,
}

impl<A: Argument> Call<'_, A> {
    /// What the types of the arguments make.
    fn typed(
        &self,
        parameters: &str,
        least: usize,
        most: usize,
        make: impl FnOnce(&[CqlType]) -> Result<Function, Error>,
    ) -> Result<Function, Error> {
        self.count(parameters, least, most)?;
        let mut types = Vec::new();
        for argument in self.arguments {
            types.push(self.of(argument, parameters)?);
        }
        make(&types)
    }

    fn count(&self, parameters: &str, least: usize, most: usize) -> Result<(), Error> {
        match (least..=most).contains(&self.arguments.len()) {
            true => Ok(()),
            false => invalid(format!("Invalid number of arguments for function system.{}({parameters})", self.name)),
        }
    }

    fn of(&self, argument: &A, parameters: &str) -> Result<CqlType, Error> {
        argument.exact().or_else(|| argument.likely()).map_or_else(
            || {
                invalid(format!(
                    "Cannot infer type of argument {} in call to function system.{}({parameters}): use type casts to \
                     disambiguate",
                    argument.text(),
                    self.name
                ))
            },
            Ok,
        )
    }

    fn wants<T>(&self, what: &str, of: &CqlType) -> Result<T, Error> {
        let argument = self.arguments.first().map(Argument::text).unwrap_or_default();
        invalid(format!(
            "Function system.{} requires {what}, but found argument {argument} of type {}",
            self.name,
            bare(of)
        ))
    }

    fn json_value(&self) -> Result<Function, Error> {
        let Some(receiver) = self.receiver else {
            return invalid("fromjson() cannot be used in the selection clause of a SELECT statement");
        };
        self.count("text", 1, 1)?;
        for argument in self.arguments {
            if argument.fits(&CqlType::Text) == Match::No {
                let of = self.of(argument, "text")?;
                return self.wants("an argument of type text", &of);
            }
        }
        Ok(Function::strict(self.name, &[CqlType::Text], receiver.clone(), json::from_json))
    }

    fn similarity(&self) -> Result<Function, Error> {
        const PARAMETERS: &str = "vector<float, n>, vector<float, n>";
        self.count(PARAMETERS, 2, 2)?;
        let [left, right] = [0, 1].map(|at| self.arguments[at].exact());
        let dimension = |of: Option<CqlType>| match of {
            Some(CqlType::Vector { element, dimension }) if *element == CqlType::Float => Some(dimension),
            _ => None,
        };
        let likely = || {
            self.arguments.iter().find_map(|argument| match argument.likely() {
                Some(CqlType::List { .. }) => argument.text().matches(',').count().checked_add(1),
                _ => None,
            })
        };
        let found = dimension(left).or_else(|| dimension(right)).or_else(|| likely().and_then(|n| n.try_into().ok()));
        let Some(dimension) = found else {
            let other = self.arguments.iter().find_map(Argument::exact);
            return match other {
                Some(of) => self.wants("a float vector argument", &of),
                None => {
                    self.of(&self.arguments[0], PARAMETERS).and_then(|of| self.wants("a float vector argument", &of))
                }
            };
        };
        let of = CqlType::Vector { element: Arc::new(CqlType::Float), dimension };
        for argument in self.arguments {
            if argument.fits(&of) == Match::No {
                return match argument.exact().or_else(|| argument.likely()) {
                    Some(CqlType::Vector { element, .. } | CqlType::List { element, .. })
                        if *element == CqlType::Float || argument.exact().is_none() =>
                    {
                        invalid("All arguments must have the same vector dimensions")
                    }
                    Some(other) => self.wants("a float vector argument", &other),
                    None => invalid("All arguments must have the same vector dimensions"),
                };
            }
        }
        Ok(Function::strict(self.name, &[of.clone(), of], CqlType::Float, vector::similarity))
    }

    fn replacement(&self) -> Result<Function, Error> {
        self.count("any, any", 2, 2)?;
        let of = self.of(&self.arguments[0], "any, any")?;
        match self.arguments[1].fits(&of) {
            Match::No => invalid(format!(
                "Type error: {} cannot be passed as argument 1 of function system.{} of type {of}",
                self.arguments[1].text(),
                self.name
            )),
            Match::Weak | Match::Exact => {
                Ok(Function::lenient(self.name, &[of.clone(), of.clone()], of, mask::replace))
            }
        }
    }

    fn partial(&self) -> Result<Function, Error> {
        const PARAMETERS: &str = "text|varchar|ascii, int, int, [text|varchar|ascii]";
        self.count(PARAMETERS, 3, 4)?;
        let of = self.of(&self.arguments[0], PARAMETERS)?;
        if !matches!(of, CqlType::Text | CqlType::Ascii) {
            return self.wants("an argument of type [text|varchar|ascii]", &of);
        }
        let all = [of.clone(), CqlType::Int, CqlType::Int, CqlType::Text];
        for (argument, of) in self.arguments.iter().zip(&all).skip(1) {
            if argument.fits(of) == Match::No {
                return invalid(format!(
                    "Function system.{} requires an argument of type {of}, but found argument {}",
                    self.name,
                    argument.text()
                ));
            }
        }
        Ok(Function::lenient(self.name, &all[..self.arguments.len()], of, mask::partial))
    }
}

fn element(of: &CqlType) -> Option<CqlType> {
    match of {
        CqlType::List { element, .. } | CqlType::Set { element, .. } => Some(CqlType::clone(element)),
        _ => None,
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(message.into()))
}
