//! tabsweep-protocol
