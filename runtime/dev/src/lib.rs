//! The application on this machine in one process: embedded servers, builds, reloads, a live view.
