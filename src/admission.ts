/**
 * Admission of connections: limits by address, bans, hooks, and the addresses that PROXY headers give.
 *
 * @module
 */
export type { Admission, AdmissionVerdict, Refusal, RefusalReason, Refusals } from "./listen/admission.ts";
export type { ProxyExtension, ProxyHeader } from "./stream/proxy_header.ts";
export type { PeerAddress } from "./base/peer_address.ts";
export { AddressTable, type AddressTableMaker } from "./server/address_limits/address_table.ts";
export type { AddressStatistics, AddressTableOptions } from "./server/address_limits/table.ts";
export type { Ban, BanList } from "./server/address_limits/bans.ts";
export type { ServerBans } from "./server/address_limits/tables.ts";
export { TableAdmission } from "./server/address_limits/admission.ts";
