//! tabsweep-dataset
