//! Containers that other formats are made of: zip files, compound files, and the boxes of a movie.
//!
//! To know the type of a container, sniffing reads its directory. What it has read is [`Opened`], and the reader of the
//! format takes it over instead of parsing the directory again.

mod bytes;
mod compound;
mod error;
mod movie;
mod package;
mod zip;

use crate::input::View;

pub(super) use self::bytes::{u16_at, u32_at, u64_at};
pub(crate) use self::compound::Compound;
pub(super) use self::compound::{MAX_STREAM, SIGNATURE as COMPOUND_SIGNATURE, Storage, Stream};
pub(crate) use self::error::DocumentError;
pub(super) use self::error::{finish, minor};
pub(crate) use self::movie::Movie;
pub(crate) use self::package::Package;
pub(crate) use self::zip::Directory as ZipDirectory;
pub(super) use self::zip::{IN_ZIP_64, LOCAL_LEN};

/// What sniffing has read of a container.
#[derive(Default)]
pub(crate) enum Opened<'a> {
    /// Nothing: the type was known without.
    #[default]
    Nothing,
    /// A zip file.
    Zip(ZipFile<'a>),
    /// A compound file.
    Compound(Result<Compound<'a>, DocumentError>),
    /// An ISO base media file.
    Movie(Movie<'a>),
}

/// A zip file of which the directory was looked for.
pub(crate) struct ZipFile<'a> {
    /// What its end record says of the directory; `None` without such a record.
    pub(crate) directory: Option<ZipDirectory<'a>>,
    /// Its entries by name.
    pub(crate) package: Result<Package<'a>, DocumentError>,
}

impl<'a> ZipFile<'a> {
    /// Reads the directory.
    pub(crate) fn open(file: View<'a>) -> Self {
        let directory = ZipDirectory::find(file);
        Self { directory, package: Package::of(directory) }
    }
}

/// A file with what sniffing has read of it.
pub(crate) struct Container<'a> {
    /// The file.
    pub(crate) file: View<'a>,
    /// What was read.
    pub(crate) opened: Opened<'a>,
}

impl<'a> Container<'a> {
    /// A file of which nothing was read.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn unopened(file: View<'a>) -> Self {
        Self { file, opened: Opened::Nothing }
    }

    /// The directory of the zip file; `None` if the file ends without one.
    pub(super) fn zip_directory(self) -> Option<ZipDirectory<'a>> {
        match self.opened {
            Opened::Zip(zip) => zip.directory,
            _ => ZipDirectory::find(self.file),
        }
    }

    /// The zip file as a set of named parts.
    pub(super) fn package(self) -> Result<Package<'a>, DocumentError> {
        match self.opened {
            Opened::Zip(zip) => zip.package,
            _ => Package::of(ZipDirectory::find(self.file)),
        }
    }

    /// The outermost boxes of the movie.
    pub(super) fn movie(self) -> Movie<'a> {
        match self.opened {
            Opened::Movie(movie) => movie,
            _ => Movie::open(self.file),
        }
    }

    /// The compound file.
    pub(super) fn compound(self) -> Result<Compound<'a>, DocumentError> {
        match self.opened {
            Opened::Compound(compound) => compound,
            _ => Compound::open(self.file.bytes()),
        }
    }
}
