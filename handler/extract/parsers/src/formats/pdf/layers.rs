//! Optional content: what a document shows and what it hides (PDF 1.7 reference, section 4.10).

use std::collections::HashSet;
use std::mem;

use hayro_syntax::object::{Array, Dict, Name, ObjRef, Object, ObjectIdentifier, dict_or_stream};
use hayro_syntax::page::Resources;
use hayro_syntax::xref::XRef;

/// The layers of a document, and the marked content that a page is within.
pub(super) struct Layers {
    hidden: HashSet<ObjectIdentifier>,
    /// Whether what is marked can be seen, for each mark that is open.
    open: Vec<bool>,
    /// Marks that were started outside of the content that is being read.
    outside: usize,
}

impl Layers {
    /// Reads the default configuration.
    pub(super) fn new(xref: &XRef) -> Self {
        Self { hidden: hidden(xref).unwrap_or_default(), open: Vec::new(), outside: 0 }
    }

    /// How many marks are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_visible(&self) -> bool {
        self.open.last().copied().unwrap_or(true)
    }

    /// Marked content without a layer.
    pub(super) fn start(&mut self) {
        self.open.push(self.is_visible());
    }

    /// Marked content that may name a layer, in a resource or in place.
    pub(super) fn begin_with(&mut self, properties: &Object<'_>, resources: &Resources<'_>) {
        let layer = match properties {
            Object::Name(name) => {
                let reference = resources.properties.get_ref(name);
                reference.map(|layer| (resources.properties.get(name).unwrap_or_default(), layer))
            }
            other => dict_or_stream(other)
                .and_then(|(dict, _)| Some((dict.get("OC").unwrap_or_default(), dict.get_ref("OC")?))),
        };
        match layer {
            Some((dict, layer)) => self.begin_layer(&dict, layer),
            None => self.start(),
        }
    }

    /// What a dictionary's entry `OC` puts into a layer. Returns whether it has one, which is to be ended.
    pub(super) fn begin_object(&mut self, dict: &Dict<'_>) -> bool {
        let Some(layer) = dict.get::<Dict<'_>>("OC") else { return false };
        match dict.get_ref("OC") {
            Some(reference) => self.begin_layer(&layer, reference),
            None => self.begin_membership(&layer),
        }
        true
    }

    pub(super) fn end(&mut self) {
        if self.open.len() > self.outside {
            self.open.pop();
        }
    }

    /// Starts a content, which ends none of the marks that it is within. To be given to [`Layers::end_content`].
    pub(super) fn begin_content(&mut self) -> usize {
        mem::replace(&mut self.outside, self.open.len())
    }

    /// Ends a content and every mark that it has started.
    pub(super) fn end_content(&mut self, outside: usize) {
        self.open.truncate(self.outside);
        self.outside = outside;
    }

    fn begin_layer(&mut self, layer: &Dict<'_>, reference: ObjRef) {
        if layer.get::<Name<'_>>("Type").is_some_and(|name| *name == *b"OCMD") {
            self.begin_membership(layer);
        } else {
            let shown = !self.hidden.contains(&reference.into());
            self.open.push(self.is_visible() && shown);
        }
    }

    /// A membership dictionary: layers, and how many of them must be shown.
    fn begin_membership(&mut self, dict: &Dict<'_>) {
        let layers: Vec<_> = match dict.get::<Array<'_>>("OCGs") {
            Some(layers) => identifiers(&layers).collect(),
            None => dict.get_ref("OCGs").map(Into::into).into_iter().collect(),
        };
        let is_hidden = |layer: &ObjectIdentifier| self.hidden.contains(layer);
        let shown = layers.is_empty()
            || match dict.get::<Name<'_>>("P").as_deref() {
                Some(b"AllOn") => !layers.iter().any(is_hidden),
                Some(b"AnyOff") => layers.iter().any(is_hidden),
                Some(b"AllOff") => layers.iter().all(is_hidden),
                _ => !layers.iter().all(is_hidden),
            };
        self.open.push(self.is_visible() && shown);
    }
}

fn hidden(xref: &XRef) -> Option<HashSet<ObjectIdentifier>> {
    let properties = xref.get::<Dict<'_>>(xref.root_id())?.get::<Dict<'_>>("OCProperties")?;
    let configuration = properties.get::<Dict<'_>>("D")?;
    let mut hidden = HashSet::new();
    if configuration.get::<Name<'_>>("BaseState").is_some_and(|state| *state == *b"OFF") {
        hidden.extend(identifiers(&list(&properties, "OCGs")));
    }
    for shown in identifiers(&list(&configuration, "ON")) {
        hidden.remove(&shown);
    }
    hidden.extend(identifiers(&list(&configuration, "OFF")));
    Some(hidden)
}

fn list<'a>(dict: &Dict<'a>, key: &str) -> Array<'a> {
    dict.get(key).unwrap_or_default()
}

fn identifiers(layers: &Array<'_>) -> impl Iterator<Item = ObjectIdentifier> {
    layers.raw_iter().filter_map(|layer| layer.as_obj_ref()).map(Into::into)
}
