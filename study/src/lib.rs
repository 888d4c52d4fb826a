//! tabsweep-study
