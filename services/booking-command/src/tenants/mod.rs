//! Tenants: who may use the module, and their settings.
//!
//! To add a setting: a field in `tenant_service.proto` with its default, a column, and its line in
//! `Settings::of`, `Settings::to_proto` and the two queries of `store.rs`.

pub mod gate;
mod rpc;
mod settings;
mod store;

pub use rpc::TenantRpc;
pub use settings::Settings;
pub use store::Tenant;
