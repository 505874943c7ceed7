//! The data link layer over HDLC: Green Book clause 8, IEC 62056-46, frame format type 3 of ISO/IEC 13239.
//!
//! [`Frame`] is one frame, [`Hdlc`] finds frames in a dirty stream, [`Assembly`] puts segments together, [`link`] holds the
//! rules of both ends of a link. There is no octet stuffing: 7E may stand anywhere inside, and only the length says where a
//! frame ends.

mod address;
mod assembly;
mod control;
mod fcs;
mod frame;
pub mod link;
mod llc;
mod parameters;
mod stream;

pub use address::{Address, AddressError};
pub use assembly::{Assembly, AssemblyError};
pub use control::{Control, Kind};
pub use fcs::fcs;
pub use frame::{FLAG, Frame, FrameError, FrameTooLong, MAX_FRAME};
pub use llc::Llc;
pub use parameters::Parameters;
pub use stream::Hdlc;
