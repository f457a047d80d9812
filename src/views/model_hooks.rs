//! What the model check does to views.
