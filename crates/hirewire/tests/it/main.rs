//! The product as its users start it: the binary, real files, the embedded directory.
mod agent;
mod clients;
mod days;
mod directories;
mod docs;
mod emulator;
mod files;
mod hardening;
mod hirewire;
mod jobs;
mod kill;
mod part;
mod samples;
mod service;
mod workflows;
