// Bytes on the wire (QEMU 9.2, migration/ram.c, savevm.c, multifd.c, hw/vfio/migration.c; qemu-migration.md 2.8).

export const PAGE_BYTES = 4096;
/** Offset word with flags, before every page on the main channel. */
export const PAGE_HEADER_BYTES = 8;
export const NORMAL_PAGE_BYTES = PAGE_HEADER_BYTES + PAGE_BYTES;
/** Offset word and one fill byte. */
export const ZERO_PAGE_BYTES = PAGE_HEADER_BYTES + 1;
/** After the offset word of the first page of another RAM block: length byte and the block's id. */
export const blockIdBytes = (id: string): number => 1 + id.length;
export const EOS_BYTES = 8;
/** Section type and id before, footer type and id after. */
export const SECTION_PART_BYTES = 5;
export const SECTION_FOOTER_BYTES = 5;
/** What one RAM iterate call costs besides its pages. */
export const RAM_SECTION_BYTES = SECTION_PART_BYTES + EOS_BYTES + SECTION_FOOTER_BYTES;
/** Magic and version. */
export const STREAM_HEADER_BYTES = 8;
export const EOF_BYTES = 1;

/** The block list at set-up: total size with its flag, and per block length byte, id and size. */
export const blockListBytes = (ids: readonly string[]): number =>
  ids.reduce((sum, id) => sum + 1 + id.length + 8, 8) + EOS_BYTES;

/** One VFIO data block: flag, size, data; the section closes with END_OF_STATE. */
export const VFIO_BLOCK_HEADER_BYTES = 16;
export const VFIO_SECTION_BYTES = SECTION_PART_BYTES + 8 + SECTION_FOOTER_BYTES;
/** hw/vfio/migration.c VFIO_MIG_DEFAULT_DATA_BUFFER_SIZE: largest read at a time. */
export const VFIO_BUFFER_BYTES = 1 << 20;

export const MULTIFD_PACKET_PAGES = 128;
export const MULTIFD_PACKET_HEADER_BYTES = 1344;
export const MULTIFD_INIT_BYTES = 64;
export const MULTIFD_PAGE_OVERHEAD_BYTES = MULTIFD_PACKET_HEADER_BYTES / MULTIFD_PACKET_PAGES;

/** XBZRLE: flag byte and length after the page header; then the encoding. */
export const XBZRLE_HEADER_BYTES = PAGE_HEADER_BYTES + 1 + 2;
