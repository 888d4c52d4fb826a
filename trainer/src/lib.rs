//! tabsweep-trainer
