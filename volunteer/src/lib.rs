//! tabsweep-volunteer
