/** An experiment without problems, of about so many lines: a change every five, each with a comment. */
export function longText(lines: number): string {
  const changes = Array.from(
    { length: Math.floor(lines / 5) - 2 },
    (_, i) => `  - at: ${100 + i}ms # change ${i}
    do: unmap
    device: nic0
    offset: ${1 + (i % 4000)}MiB
    size: 2MiB
`,
  );
  return `# A schedule that a program wrote.
name: Long
guest: { memory: 16GiB, vcpus: 4 }
devices: [{ name: nic0, type: nic }]
viommu: { mode: shadow }
migration: { bandwidth: 10Gbit/s }
changes:
${changes.join('')}`;
}
