//! The sandbox with real guests: what it refuses to load, what it survives, and what it leaves alone.

#![allow(unreachable_pub)]

mod cache;
mod calls;
mod exchange;
mod limits;
mod loading;
mod pool;
mod sdk;
mod support;
mod time;
