//! What the listener must know of first frames: DL/T 645's, from the driver.

use hes_driver::identify;
use hes_model::CommAddress;
use hes_transport::Identify;

/// Modules with DL/T 645 meters behind them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dlt645Modules;

impl Identify for Dlt645Modules {
    fn framing(&self) -> &dyn hes_driver::Framing {
        identify::framing()
    }
    fn address_of(&self, frame: &[u8]) -> Option<CommAddress> {
        identify::address_of(frame)
    }
    fn question(&self) -> Vec<u8> {
        identify::question()
    }
}
