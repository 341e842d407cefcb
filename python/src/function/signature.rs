//! A signature, compiled once: which parts a call's arguments make of a key.

use std::mem::MaybeUninit;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use smallvec::SmallVec;

use crate::ffi::call_args::Call;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;

/// The most parameters that are bound without an allocation.
pub(crate) const FEW: usize = 8;

/// Parts of a key, borrowed from a call.
pub(crate) type Parts<'a> = SmallVec<[Live<'a>; FEW]>;

/// Room for the parts of a usual call.
pub(crate) type BoundParts<'a> = MaybeUninit<[Live<'a>; FEW]>;

/// What parameters are given, by their numbers.
type Places<'a> = SmallVec<[Option<Live<'a>>; FEW]>;

/// The parameters of a function.
pub(crate) struct Signature {
    /// Interned names: positional-only, then positional, then keyword-only.
    names: Vec<Object>,
    /// By parameter: the default or null.
    defaults: Vec<Option<Object>>,
    /// By parameter: whether it is part of the key.
    kept: Vec<bool>,
    positional_only: usize,
    positional: usize,
    /// `*args` and `**kwargs`: whether there are any, and whether they are part of the key.
    variadic: Variadic,
    /// Whether every parameter has a name and is part of the key.
    pub(crate) plain: bool,
    /// Whether the key has exactly one part.
    pub(crate) single: bool,
    /// How many positional arguments are the parts as they stand; no number of arguments if none are.
    pub(crate) all_by_position: usize,
    /// Stands between positional and keyword parts.
    mark: Object,
}

#[derive(Clone, Copy)]
struct Variadic {
    takes_args: bool,
    keeps_args: bool,
    takes_kwargs: bool,
    keeps_kwargs: bool,
}

/// Arguments that do not fit a signature.
pub(crate) struct Mismatch(pub(crate) String);

impl Signature {
    /// From what `hotset._functions.spec` found out about a function.
    pub(crate) fn from_spec(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = spec.py();
        let mut names = Vec::new();
        for name in spec.getattr("names")?.try_iter()? {
            names.push(Object::from(PyString::intern(py, name?.cast::<PyString>()?.to_str()?)));
        }
        let absent = spec.getattr("absent")?;
        let mut defaults = Vec::new();
        for default in spec.getattr("defaults")?.try_iter()? {
            let default = default?;
            defaults.push((!default.is(&absent)).then(|| Object::from(default)));
        }
        let kept: Vec<bool> = spec.getattr("kept")?.extract()?;
        let variadic = Variadic {
            takes_args: spec.getattr("takes_args")?.extract()?,
            keeps_args: spec.getattr("keeps_args")?.extract()?,
            takes_kwargs: spec.getattr("takes_kwargs")?.extract()?,
            keeps_kwargs: spec.getattr("keeps_kwargs")?.extract()?,
        };
        let positional: usize = spec.getattr("positional")?.extract()?;
        let varies = variadic.takes_args || variadic.takes_kwargs;
        let keeps_variadic =
            variadic.keeps_args && variadic.takes_args || variadic.keeps_kwargs && variadic.takes_kwargs;
        let plain = !varies && kept.iter().all(|&kept| kept);
        Ok(Self {
            plain,
            all_by_position: if plain && positional == names.len() { positional } else { usize::MAX },
            single: !keeps_variadic && kept.iter().filter(|&&kept| kept).count() == 1,
            positional_only: spec.getattr("positional_only")?.extract()?,
            positional,
            names,
            defaults,
            kept,
            variadic,
            mark: Object::from(spec.getattr("mark")?),
        })
    }

    /// Whether there is one parameter, which may be given by position.
    pub(crate) fn takes_one_by_position(&self) -> bool {
        self.plain && self.names.len() == 1 && self.positional == 1
    }

    /// Whether the first parameter is positional and part of the key.
    pub(crate) fn keeps_first(&self) -> bool {
        self.positional > 0 && self.kept.first() == Some(&true)
    }

    /// How many parameters have a name.
    pub(crate) fn count(&self) -> usize {
        self.names.len()
    }

    /// The values of a call that gives every argument, keywords in the order of the parameters: they are the parts as they stand.
    #[inline(always)]
    pub(crate) fn in_order<'a>(&self, call: Call<'a>) -> Option<&'a [Live<'a>]> {
        let (given, keywords) = (call.count(), call.keyword_count());
        if !self.plain
            || given + keywords != self.names.len()
            || given < self.positional_only
            || given > self.positional
        {
            return None;
        }
        let names = self.names.get(given..)?.iter().map(Live::of);
        call.keywords().zip(names).all(|((name, _), known)| name == known).then(|| call.values())
    }

    /// Binds the arguments of usual calls to `places`; the parts, or `None` for [`Signature::bind`] to try.
    #[inline(always)]
    pub(crate) fn bind_quickly<'a>(&'a self, call: Call<'a>, places: &'a mut BoundParts<'a>) -> Option<&'a [Live<'a>]> {
        let (count, given) = (self.names.len(), call.count());
        if count > FEW || given > self.positional || self.variadic.takes_args || self.variadic.takes_kwargs {
            return None;
        }
        // The mark, which is nobody's argument, stands for nothing.
        let nothing = Live::of(&self.mark);
        let bound = places.write([nothing; FEW]);
        for (place, &value) in bound.iter_mut().zip(call.positional()) {
            *place = value;
        }
        for (number, (name, value)) in call.keywords().enumerate() {
            let place = self.find_interned(name, given + number)?;
            if bound[place] != nothing {
                return None;
            }
            bound[place] = value;
        }
        if given + call.keyword_count() < count {
            for (place, default) in bound.iter_mut().zip(&self.defaults).skip(given) {
                if *place == nothing {
                    *place = Live::of(default.as_ref()?);
                }
            }
        }
        let kept = if self.plain { count } else { self.drop_ignored(bound) };
        Some(&bound[..kept])
    }

    /// The parameter of an interned name, which is probably the one at `guess`.
    #[inline(always)]
    fn find_interned(&self, name: Live<'_>, guess: usize) -> Option<usize> {
        if guess >= self.positional_only && self.names.get(guess).is_some_and(|known| Live::of(known) == name) {
            return Some(guess);
        }
        (self.positional_only..self.names.len()).find(|&place| Live::of(&self.names[place]) == name)
    }

    fn drop_ignored(&self, bound: &mut [Live<'_>; FEW]) -> usize {
        let mut count = 0;
        for (number, &kept) in self.kept.iter().enumerate() {
            if kept {
                bound[count] = bound[number];
                count += 1;
            }
        }
        count
    }

    /// Binds the arguments of any call, defaults included; or says why they do not fit.
    pub(crate) fn bind<'a>(&'a self, py: Python<'_>, call: Call<'a>) -> Result<Parts<'a>, Mismatch> {
        let mut places: Places<'a> = SmallVec::from_elem(None, self.names.len());
        let extra = self.place_positional(call, &mut places)?;
        let mut others = self.place_keywords(py, call, &mut places)?;
        let mut parts = Parts::new();
        for (number, place) in places.into_iter().enumerate() {
            let value = place.or_else(|| self.defaults[number].as_ref().map(Live::of));
            let value = value.ok_or_else(|| Mismatch(format!("missing argument {:?}", self.name(py, number))))?;
            if self.kept[number] {
                parts.push(value);
            }
        }
        if self.variadic.keeps_args {
            parts.extend_from_slice(extra);
        }
        if self.variadic.keeps_kwargs && !others.is_empty() {
            others.sort_by_key(|(name, _)| text(py, *name));
            parts.push(Live::of(&self.mark));
            parts.extend(others.into_iter().flat_map(|(name, value)| [name, value]));
        }
        Ok(parts)
    }

    fn place_positional<'a>(&self, call: Call<'a>, places: &mut Places<'a>) -> Result<&'a [Live<'a>], Mismatch> {
        let given = call.positional();
        let fitting = given.len().min(self.positional);
        for (place, &value) in places.iter_mut().zip(&given[..fitting]) {
            *place = Some(value);
        }
        if given.len() > self.positional && !self.variadic.takes_args {
            return Err(Mismatch(format!("{} positional arguments, where {} fit", given.len(), self.positional)));
        }
        Ok(&given[fitting..])
    }

    fn place_keywords<'a>(
        &self,
        py: Python<'_>,
        call: Call<'a>,
        places: &mut Places<'a>,
    ) -> Result<Vec<(Live<'a>, Live<'a>)>, Mismatch> {
        let mut others = Vec::new();
        for (number, (name, value)) in call.keywords().enumerate() {
            match self.find_interned(name, number).or_else(|| self.find_equal(py, name)) {
                Some(place) if places[place].is_some() => {
                    return Err(Mismatch(format!("two values for {:?}", text(py, name))));
                }
                Some(place) => places[place] = Some(value),
                None if self.variadic.takes_kwargs => others.push((name, value)),
                None => return Err(Mismatch(format!("unexpected argument {:?}", text(py, name)))),
            }
        }
        Ok(others)
    }

    fn find_equal(&self, py: Python<'_>, name: Live<'_>) -> Option<usize> {
        let name = name.bind(py);
        (self.positional_only..self.names.len())
            .find(|&place| self.names[place].bind(py).ask_equal(&name).unwrap_or(false))
    }

    /// The name of the parameter that a part of a key comes from.
    pub(crate) fn part_name(&self, py: Python<'_>, part: usize) -> String {
        self.part_names(py).nth(part).unwrap_or_else(|| "*args or **kwargs".to_owned())
    }

    /// The names of those parts of a key that are parameters.
    pub(crate) fn part_names(&self, py: Python<'_>) -> impl Iterator<Item = String> {
        (0..self.names.len()).filter(|&number| self.kept[number]).map(move |number| self.name(py, number))
    }

    fn name(&self, py: Python<'_>, number: usize) -> String {
        text(py, Live::of(&self.names[number]))
    }

    /// The defaults of those parameters that have one.
    pub(crate) fn defaults(&self) -> impl Iterator<Item = &Object> {
        self.defaults.iter().flatten()
    }
}

fn text(py: Python<'_>, name: Live<'_>) -> String {
    name.bind(py).extract().unwrap_or_default()
}

/// The error for arguments that fit no call.
pub(crate) fn mismatch_error(function: &Bound<'_, PyAny>, verb: &str, mismatch: &Mismatch) -> PyErr {
    let name = function.getattr("__qualname__").map_or_else(|_| "function".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{name}.{verb}(): {} for a call of {name}", mismatch.0))
}
