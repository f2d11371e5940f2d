//! The admin listener: `/livez`, `/readyz`, `/metrics`, `/issuers`. Never on the port of the gate.
