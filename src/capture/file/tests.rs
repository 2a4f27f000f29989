//! Reading of constructed captures: formats, byte orders, resolutions, cuts and damage.
