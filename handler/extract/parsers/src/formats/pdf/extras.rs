//! What a PDF carries beside its pages' content: forms, scripts, attached files, encryption.

use std::collections::HashSet;

use handler_contract::Metadata;
use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, ObjectIdentifier};
use hayro_syntax::xref::XRef;

use super::encryption;

/// Dictionaries that are looked at. A book of two thousand pages with thirty links on each has fewer.
const LOOKED_AT: usize = 100_000;
/// Dictionaries that wait to be looked at.
const WAITING: usize = 10_000;

/// Looks through the catalog, the name trees, the form's fields and the pages' annotations.
pub(super) fn describe(pdf: &Pdf, metadata: &mut Metadata) {
    let xref = pdf.xref();
    let mut search = Search { xref, left: LOOKED_AT, seen: HashSet::new(), scripts: false, attachments: 0 };
    let mut has_form = false;
    if let Some(catalog) = xref.get::<Dict<'_>>(xref.root_id()) {
        search.actions(&catalog, "OpenAction");
        search.triggers(&catalog);
        if let Some(names) = search.dict(&catalog, "Names") {
            search.scripts |= search.dict(&names, "JavaScript").is_some_and(|tree| search.entries(tree) > 0);
            search.attachments += search.dict(&names, "EmbeddedFiles").map_or(0, |tree| search.entries(tree));
        }
        if let Some(form) = search.dict(&catalog, "AcroForm") {
            let mut fields = Vec::new();
            search.dicts(&form, "Fields", &mut fields);
            has_form = form.contains_key("XFA") || !fields.is_empty();
            search.fields(fields);
        }
    }
    let mut annotations = Vec::new();
    for page in pdf.pages().iter() {
        search.triggers(page.raw());
        search.dicts(page.raw(), "Annots", &mut annotations);
        for annotation in annotations.drain(..) {
            let is_file = annotation.get::<Name<'_>>("Subtype").is_some_and(|kind| *kind == *b"FileAttachment");
            search.attachments += u64::from(is_file);
            search.actions(&annotation, "A");
            search.triggers(&annotation);
        }
    }
    metadata.has_forms = Some(has_form);
    metadata.attachment_count = Some(search.attachments);
    // What was found is there; what was not found may be beyond what was looked at.
    metadata.has_java_script = (search.scripts || search.left > 0).then_some(search.scripts);
    metadata.is_partial = metadata.is_partial.or((search.left == 0).then_some(true));
    metadata.is_encrypted = Some(encryption::is_encrypted(pdf.data().as_ref()));
}

/// A walk through a document's objects that ends, however they refer to each other.
struct Search<'a> {
    xref: &'a XRef,
    left: usize,
    seen: HashSet<ObjectIdentifier>,
    scripts: bool,
    attachments: u64,
}

impl<'a> Search<'a> {
    /// The dictionary that an object is or refers to, unless it was referred to before.
    fn resolve(&mut self, object: MaybeRef<Object<'a>>) -> Option<Dict<'a>> {
        self.left = self.left.checked_sub(1)?;
        match object {
            MaybeRef::Ref(reference) => {
                let id = reference.into();
                if self.seen.insert(id) { self.xref.get(id) } else { None }
            }
            MaybeRef::NotRef(object) => object.into_dict(),
        }
    }

    fn dict(&mut self, of: &Dict<'a>, key: impl AsRef<[u8]>) -> Option<Dict<'a>> {
        let object = of.get_raw::<Object<'_>>(key)?;
        self.resolve(object)
    }

    /// Adds the dictionaries of an array, as long as there is room.
    fn dicts(&mut self, of: &Dict<'a>, key: &str, to: &mut Vec<Dict<'a>>) {
        for object in of.get::<Array<'_>>(key).iter().flat_map(Array::raw_iter) {
            if to.len() == WAITING || self.left == 0 {
                self.left = 0;
                return;
            }
            to.extend(self.resolve(object));
        }
    }

    /// Entries of a name tree (PDF 1.7 reference, section 3.8.5).
    fn entries(&mut self, root: Dict<'a>) -> u64 {
        let (mut count, mut open) = (0, vec![root]);
        while let Some(node) = open.pop() {
            count += node.get::<Array<'_>>("Names").map_or(0, |names| names.raw_iter().count() as u64 / 2);
            self.dicts(&node, "Kids", &mut open);
        }
        count
    }

    /// Scripts of a form's fields and of those within them.
    fn fields(&mut self, mut open: Vec<Dict<'a>>) {
        while let Some(field) = open.pop() {
            self.actions(&field, "A");
            self.triggers(&field);
            self.dicts(&field, "Kids", &mut open);
        }
    }

    /// Scripts that run when something happens to a document, a page or an annotation (section 8.5.2).
    fn triggers(&mut self, of: &Dict<'a>) {
        if let Some(triggers) = self.dict(of, "AA") {
            for name in triggers.keys() {
                self.actions(&triggers, &name);
            }
        }
    }

    /// Whether an action, or one of those that follow it, is a script.
    fn actions(&mut self, of: &Dict<'a>, key: impl AsRef<[u8]>) {
        let mut open = Vec::from_iter(self.dict(of, key));
        while let Some(action) = open.pop() {
            self.scripts |= action.get::<Name<'_>>("S").is_some_and(|kind| *kind == *b"JavaScript");
            // One action, or several.
            open.extend(self.dict(&action, "Next"));
            self.dicts(&action, "Next", &mut open);
        }
    }
}
