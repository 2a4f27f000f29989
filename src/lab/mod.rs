//! Teaching traffic: the built-in server and client, scenarios, and the private namespace they can run in.
