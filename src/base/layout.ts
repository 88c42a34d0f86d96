/**
 * The numbers of the native boundary that layers above `loop` may know. They are generated from the library's
 * own source; this page only narrows what is seen of them.
 *
 * @module
 */
export {
  ADDRESS_BYTES_BYTE,
  ADDRESS_FAMILY_BYTE,
  ADDRESS_PORT_BYTE,
  ADDRESS_SCOPE_BYTE,
  AddressFamily,
  BACKLOG_DEFAULT,
  CONNECT_REQUEST_ADDRESS_BYTE,
  CONNECT_REQUEST_FLAGS_BYTE,
  CONNECT_REQUEST_ID_BYTE,
  CONNECT_REQUEST_LOCAL_ADDRESS_BYTE,
  CONNECT_REQUEST_SIZE,
  ConnectFlags,
  Flags,
  HEADER_SEGMENT_CURSOR,
  HEADER_SEGMENTS_HELD,
  LISTEN_REQUEST_ADDRESS_BYTE,
  LISTEN_REQUEST_BACKLOG_BYTE,
  LISTEN_REQUEST_FLAGS_BYTE,
  LISTEN_REQUEST_SIZE,
  LISTENERS_MAX,
  ListenFlags,
  Operation,
  SEGMENT_HOLDS_MAX,
  SocketOption,
  Statistic,
  Status,
  TIMER_DELAY_MAX_MS,
} from "../../ffi/layout.gen.ts";
