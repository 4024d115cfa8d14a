//! Office documents and e-books: OOXML, OpenDocument, EPUB, RTF, and the binary formats before them.
//!
//! Every reader takes the whole file as bytes, which in the child are a read-only map of the spool, and holds nothing
//! of it whose size the file decides.

pub(crate) mod binary;
mod bytes;
mod codepage;
mod compound;
pub(crate) mod epub;
mod markup;
pub(crate) mod open_document;
pub(crate) mod open_xml;
mod package;
mod properties;
mod property_set;
pub(crate) mod rtf;
mod slides;
mod stop;
mod word;
mod words;
