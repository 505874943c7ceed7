//! A-XDR, IEC 61334-6 as DLMS uses it.
