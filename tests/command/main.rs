//! The `turno` command, as real processes: the agent and its clients, the tools for
//! keys, state and traces, and the processes that share a critical section.

#[path = "../support/attackers/mod.rs"]
mod attackers;
#[path = "../support/fixtures/mod.rs"]
mod fixtures;
#[path = "../support/oracle/mod.rs"]
mod oracle;

// Agents and `turno lock`.
mod agent;
mod completions;
mod failover;
mod lock;
mod python;
mod upgrade;

// `turno process`, `turno shared`, `turno play` and `turno exercise`.
mod attack;
mod bad_network;
mod demo;
mod exercise;
mod group;
mod misconfigured;
mod original_cases;
mod original_peers;
mod play;
mod process;
mod screen;
mod section_server;

// Keys, state, traces and simulations.
mod key;
mod simulate;
mod state;
mod trace;
mod transcripts;
mod viewer;

// What happens where tmux or Chromium is missing.
mod missing_programs;
