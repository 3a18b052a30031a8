# The guest of a QEMU run: fills memory once, then its vCPUs write pages as their parameter blocks say, and the first reports.
#
# 64-bit mode, all memory mapped to itself in pages of 2 MiB, no operating system. QEMU's multiboot loader enters at `start`;
# program.ts fills in the parameters below and appends a block for each vCPU that writes (and the tables of zipf
# patterns), so that one binary serves every experiment. How the binary is made and kept honest: README.md beside this file.
#
# vCPUs      The first one sets up, fills, and wakes the others (INIT, SIPI). Each has a page of its own for state and stack,
#            a block of parameters, and a random stream. Those without a block halt.
# Clock      The ACPI PM timer (port 0x608, 3,579,545 Hz, 24 bits): it counts QEMU's virtual clock, which stands
#            still while the machine is stopped and needs no calibration. The local APIC gives a 1000 Hz tick that only
#            wakes the vCPU; ticks that were lost do not distort time. The PM timer wraps after 4.69 s, far above the
#            longest sleep of a throttled vCPU (0.99 s).
# Page       RAM is counted without the hole below 4 GiB: pages from `low_pages` on lie `high_shift` pages higher.
# Page write Two 4-byte stores into one page; the stored count differs each time, so that every write changes the page.
# Pacing     Each millisecond hands out `rate` writes (32.32 fixed point). A guest that fell behind makes up for at
#            most `catch_up` ms; the rest is forgone. With `full_speed` there is no pacing and the vCPU never halts.
# Report     Every `report_ms`: "T <clock ms> <page writes of all>", both in hexadecimal, over COM1. "F" once memory is
#            filled and the clock starts at 0; "X" when the parameters make no sense.
# TLB        With `flush` CR4.PSE is toggled in each tick, which makes TCG drop its software TLB: without it a store
#            can miss dirty marking after a bitmap sync (QEMU 7.2, seen as pages that differ after a migration).
#
# Registers that keep their meaning: r15 = the vCPU's state, r14 = its local APIC, rbp = its current phase.

        .set LOAD, 0x100000
        .set STATES, LOAD + 0x80000          # a page a vCPU: state at its beginning, stack from its end down
        .set TABLES, LOAD + 0x90000          # page tables: level 4, level 3, then a page of level 2 per GiB
        .set TRAMPOLINE, 0x8000              # where a vCPU that is woken begins, in real mode
        .set APIC, 0xfee00000
        .set PM_TIMER, 0x608
        .set PM_HZ, 3579545
        .set COM1, 0x3f8
        .set BATCH, 64                       # writes between two looks at the tick at full speed
        .set CODE32, 8
        .set DATA, 16
        .set CODE64, 24

        .text
        .code32
        .globl start
image:
        .set FLAGS, 0x10000                  # bit 16: the load addresses below are valid (flat binary)
        .long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
        .long image, image, image_end, image_end, start      # program.ts moves both ends behind what it appends

        .org 0x40
# -- parameters; offsets are known to program.ts -----------------------------------------------------------------------
param_magic:    .long 0x4e575242             # "BRWN"
param_version:  .long 2
fill_first:     .long 0                      # page
fill_pages:     .long 0
low_pages:      .long 0xffffffff             # RAM pages below the hole
high_shift:     .long 0                      # how many pages higher those above it lie
map_gib:        .long 4                      # how much is mapped
flush:          .long 1
report_ms:      .long 200
vcpu_count:     .long 1                      # 1 ... 16 blocks
vcpu_blocks:    .long 0                      # where they are

# A vCPU's block: header, then up to 16 phases.
        .set V_SEED, 0                       # of xorshift32, not 0
        .set V_PHASES, 4                     # 1 ... 16; after the last the first begins again
        .set V_MARK, 8                       # added to the count that is stored: tells vCPUs apart
        .set V_FIRST, 64
        .set PHASE_SIZE, 64
        .set BLOCK_SIZE, V_FIRST + 16 * PHASE_SIZE
        .set P_FOR, 0                        # ms; 0 = for ever
        .set P_PATTERN, 4                    # 0 idle, 1 sequential, 2 uniform, 3 hotcold, 4 window, 5 burst, 6 zipf
        .set P_FIRST, 8                      # page
        .set P_PAGES, 12                     # working set, or the window's length
        .set P_RATE, 16                      # page writes per ms, whole part
        .set P_RATE_FRACTION, 20             # ... and fraction, in 1 / 2^32
        .set P_FULL_SPEED, 24
        .set P_CATCH_UP, 28                  # ms
        .set P_HOT_PAGES, 32                 # zipf: buckets of the table
        .set P_HOT_SHARE, 36                 # of the writes, in 1 / 2^32; zipf: page = rank * this mod pages
        .set P_REGION, 40                    # window: pages it moves inside
        .set P_EVERY, 44                     # window: ms between jumps; burst: ms on
        .set P_OFF, 48                       # burst: ms off
        .set P_TABLE, 52                     # zipf: where its buckets are
# A bucket of ranks (Walker's alias method): taken with chance `keep`, else the bucket `alias`.
        .set Z_KEEP, 0                       # in 1 / 2^32
        .set Z_ALIAS, 4
        .set Z_FIRST, 8                      # rank
        .set Z_SIZE, 12                      # ranks

# -- a vCPU's state ----------------------------------------------------------------------------------------------------
        .set ticks, 0                        # counted by the tick handler
        .set pm_last, 4
        .set pm_rest, 8                      # PM ticks * 1000 not yet a millisecond
        .set now_ms, 12
        .set served_ms, 16                   # the millisecond whose writes are done
        .set due_fraction, 20
        .set count, 24                       # page writes, 64 bits
        .set random, 32
        .set cursor, 36                      # sequential: next page of the set
        .set phase_index, 40
        .set phase_since, 44
        .set report_at, 48
        .set window_base, 52
        .set ticks_seen, 56
        .set index, 60                       # 0: the one that reports
        .set block, 64                       # 64 bits
# in the first vCPU's state, for all:
        .set ARRIVED, STATES + 0x80          # vCPUs that have a number
        .set GO, STATES + 0x84               # time begins

# -- the first vCPU, and those that are woken, on their way to 64 bits --------------------------------------------------
        .org 0x100
start:
        cli
        cld
        lgdt    gdt_pointer
        ljmp    $CODE32, $1f
1:      movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss

        movl    $TABLES, %edi                # every entry is accessed and dirty: walks never write to the tables
        movl    $TABLES + 0x1000 + 0x63, (%edi)
        movl    map_gib, %ecx
        movl    $TABLES + 0x2000 + 0x63, %eax
        leal    0x1000(%edi), %edi
2:      movl    %eax, (%edi)
        addl    $0x1000, %eax
        addl    $8, %edi
        loop    2b
        movl    $TABLES + 0x2000, %edi
        movl    map_gib, %ecx
        shll    $9, %ecx
        xorl    %edx, %edx
        movl    $0xe3, %eax                  # present, writable, accessed, dirty, 2 MiB
3:      movl    %eax, (%edi)
        movl    %edx, 4(%edi)
        addl    $0x200000, %eax
        adcl    $0, %edx
        addl    $8, %edi
        loop    3b

        movl    $ap_real, %esi
        movl    $TRAMPOLINE, %edi
        movl    $ap_real_end - ap_real, %ecx
        rep movsb

to_64_bits:
        movl    %cr4, %eax
        orl     $0x20, %eax                  # PAE
        movl    %eax, %cr4
        movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx            # EFER.LME
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000001, %eax
        movl    %eax, %cr0
        ljmp    $CODE64, $begin

        .code16
ap_real:                                     # copied to TRAMPOLINE: real mode, cs = TRAMPOLINE / 16
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   TRAMPOLINE + ap_gdt_pointer - ap_real
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $CODE32, $ap_protected
ap_gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt
ap_real_end:

        .code32
ap_protected:
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        jmp     to_64_bits

        .code64
begin:                                       # a number, and a state, for each in the order of arrival
        movl    $1, %eax
        lock xaddl %eax, ARRIVED
        cmpl    vcpu_count, %eax
        jae     halt                         # nothing to do for it
        movl    %eax, %ebx
        shll    $12, %ebx
        leal    STATES(%ebx), %r15d
        leaq    0x1000(%r15), %rsp
        movl    $APIC, %r14d
        lidt    idt_pointer
        movl    %eax, index(%r15)
        imull   $BLOCK_SIZE, %eax
        addl    vcpu_blocks, %eax
        movq    %rax, block(%r15)
        leaq    V_FIRST(%rax), %rbp
        movl    V_SEED(%rax), %edx
        movl    %edx, random(%r15)
        movl    V_PHASES(%rax), %ecx
        decl    %ecx
        cmpl    $15, %ecx
        ja      bad_parameters
        testl   %edx, %edx
        jz      bad_parameters
        cmpl    $0, index(%r15)
        jne     4f
        call    lead
        jmp     5f
4:      pause
        cmpl    $0, GO
        je      4b
5:      call    tick_setup
        call    read_clock                   # from here time counts
        xorl    %eax, %eax
        movl    %eax, pm_rest(%r15)
        movl    %eax, now_ms(%r15)
        sti
        jmp     main

halt:   cli
        hlt
        jmp     halt

# What only the first does: serial line, filling, waking the others.
lead:
        movb    $0xff, %al                   # both 8259 masked: ticks come from the local APIC
        outb    %al, $0x21
        outb    %al, $0xa1
        call    serial_setup
        movl    fill_first, %eax             # one non-zero word in each 64 bytes
        movl    fill_pages, %esi
        testl   %esi, %esi
        jz      8f
6:      movl    %eax, %edi
        call    address                      # of page edi
        movl    $64, %ecx
7:      movl    %edi, %edx
        orl     $1, %edx
        movl    %edx, (%rdi)
        addq    $64, %rdi
        decl    %ecx
        jnz     7b
        incl    %eax
        decl    %esi
        jnz     6b
8:      cmpl    $1, vcpu_count
        je      9f
        movl    $0xc4500, 0x300(%r14)        # INIT to all but this one
        call    read_clock
        movl    $0, now_ms(%r15)
14:     call    read_clock
        cmpl    $10, now_ms(%r15)
        jb      14b
        movl    $0xc4600 + TRAMPOLINE / 0x1000, 0x300(%r14)
15:     pause
        movl    ARRIVED, %eax
        cmpl    vcpu_count, %eax
        jb      15b
9:      movl    $'F', %eax
        call    put
        movl    $'\n', %eax
        call    put
        movl    $1, GO
        ret

# rdi = where page edi lies; keeps the others
address:
        cmpl    low_pages, %edi
        jb      16f
        addl    high_shift, %edi
16:     shlq    $12, %rdi
        ret

# -- main loop ---------------------------------------------------------------------------------------------------------
main:
        call    read_clock
        call    change_phase
        cmpl    $0, index(%r15)
        jne     3f
        movl    now_ms(%r15), %eax
        cmpl    report_at(%r15), %eax
        jb      3f
        addl    report_ms, %eax
        movl    %eax, report_at(%r15)
        call    report
3:      cmpl    $0, P_PATTERN(%rbp)
        je      rest
        cmpl    $5, P_PATTERN(%rbp)
        jne     4f
        call    burst_is_on
        jnc     rest
4:      cmpl    $0, P_FULL_SPEED(%rbp)
        jne     flat_out

        movl    now_ms(%r15), %eax          # paced: at most catch_up ms are made up for
        movl    %eax, %edx
        subl    served_ms(%r15), %edx
        jz      wait                         # this millisecond is done
        movl    P_CATCH_UP(%rbp), %ecx
        incl    %ecx
        cmpl    %ecx, %edx
        jbe     5f
        subl    %ecx, %eax
        movl    %eax, served_ms(%r15)
5:      incl    served_ms(%r15)
        movl    P_RATE_FRACTION(%rbp), %eax
        addl    %eax, due_fraction(%r15)
        movl    P_RATE(%rbp), %ecx
        adcl    $0, %ecx
        call    write_pages
        jmp     main

flat_out:
        movl    now_ms(%r15), %eax
        movl    %eax, served_ms(%r15)
        movl    ticks(%r15), %eax
        movl    %eax, ticks_seen(%r15)
6:      movl    $BATCH, %ecx
        call    write_pages
        movl    ticks(%r15), %eax
        cmpl    ticks_seen(%r15), %eax
        je      6b
        jmp     main

rest:   movl    now_ms(%r15), %eax          # nothing to write: time passes without debt
        movl    %eax, served_ms(%r15)
wait:   hlt
        jmp     main

# -- writing: ecx page writes of the current phase ---------------------------------------------------------------------
write_pages:
        testl   %ecx, %ecx
        jz      20f
        cmpl    $4, P_PATTERN(%rbp)
        jne     10f
        call    place_window
10:     call    choose_page                  # eax = page of the set
        addl    P_FIRST(%rbp), %eax
        movl    %eax, %edi
        call    address
        movq    block(%r15), %rbx
        incq    count(%r15)
        movl    count(%r15), %edx
        addl    V_MARK(%rbx), %edx
        movl    %edx, (%rdi)
        notl    %edx
        movl    %edx, 0x800(%rdi)
        decl    %ecx
        jnz     10b
20:     ret

choose_page:
        movl    P_PATTERN(%rbp), %eax
        cmpl    $1, %eax
        je      sequential
        cmpl    $3, %eax
        je      hotcold
        cmpl    $4, %eax
        je      window
        cmpl    $6, %eax
        je      zipf
        movl    P_PAGES(%rbp), %ebx          # uniform, and burst while it is on

draw:                                        # eax = a number below ebx
        call    xorshift
        mull    %ebx
        movl    %edx, %eax
        ret

sequential:
        movl    cursor(%r15), %eax
        cmpl    P_PAGES(%rbp), %eax
        jb      11f
        xorl    %eax, %eax
11:     leal    1(%eax), %edx
        movl    %edx, cursor(%r15)
        ret

hotcold:
        call    xorshift
        cmpl    P_HOT_SHARE(%rbp), %eax
        jae     12f
        movl    P_HOT_PAGES(%rbp), %ebx
        jmp     draw
12:     movl    P_PAGES(%rbp), %ebx
        subl    P_HOT_PAGES(%rbp), %ebx
        call    draw
        addl    P_HOT_PAGES(%rbp), %eax
        ret

window:
        movl    P_PAGES(%rbp), %ebx
        call    draw
        addl    window_base(%r15), %eax
        cmpl    P_REGION(%rbp), %eax
        jb      13f
        subl    P_REGION(%rbp), %eax
13:     ret

zipf:                                        # a bucket, or its alias; a rank in it; ranks lie scattered
        movl    P_HOT_PAGES(%rbp), %ebx
        call    draw
        movl    P_TABLE(%rbp), %esi
        movl    %eax, %edi
        shlq    $4, %rdi
        addq    %rsi, %rdi
        call    xorshift
        cmpl    Z_KEEP(%rdi), %eax
        jbe     17f
        movl    Z_ALIAS(%rdi), %edi
        shlq    $4, %rdi
        addq    %rsi, %rdi
17:     movl    Z_SIZE(%rdi), %ebx
        call    draw
        addl    Z_FIRST(%rdi), %eax
        mull    P_HOT_SHARE(%rbp)
        divl    P_PAGES(%rbp)                # the product's high word is below the divisor: no overflow
        movl    %edx, %eax
        ret

place_window:                                # base = (time in phase / every * length) mod region
        movl    now_ms(%r15), %eax
        subl    phase_since(%r15), %eax
        xorl    %edx, %edx
        divl    P_EVERY(%rbp)
        mull    P_PAGES(%rbp)                # below 2^32 * region, as the window fits: no overflow
        divl    P_REGION(%rbp)
        movl    %edx, window_base(%r15)
        ret

burst_is_on:                                 # carry: yes
        movl    now_ms(%r15), %eax
        subl    phase_since(%r15), %eax
        movl    P_EVERY(%rbp), %ecx
        addl    P_OFF(%rbp), %ecx
        xorl    %edx, %edx
        divl    %ecx
        cmpl    P_EVERY(%rbp), %edx
        ret

xorshift:                                    # eax = the next number (Marsaglia's 13, 17, 5); keeps ebx, ecx
        movl    random(%r15), %eax
        movl    %eax, %edx
        shll    $13, %edx
        xorl    %edx, %eax
        movl    %eax, %edx
        shrl    $17, %edx
        xorl    %edx, %eax
        movl    %eax, %edx
        shll    $5, %edx
        xorl    %edx, %eax
        movl    %eax, random(%r15)
        ret

# -- time --------------------------------------------------------------------------------------------------------------
read_clock:
        movl    $PM_TIMER, %edx
        inl     %dx, %eax
        andl    $0xffffff, %eax
        movl    %eax, %ecx
        subl    pm_last(%r15), %eax
        movl    %ecx, pm_last(%r15)
        andl    $0xffffff, %eax
        movl    $1000, %edx
        mull    %edx
        addl    pm_rest(%r15), %eax
        adcl    $0, %edx
        movl    $PM_HZ, %ecx
        divl    %ecx
        movl    %edx, pm_rest(%r15)
        addl    %eax, now_ms(%r15)
        ret

change_phase:
        movl    P_FOR(%rbp), %ecx
        testl   %ecx, %ecx
        jz      30f
        movl    now_ms(%r15), %eax
        subl    phase_since(%r15), %eax
        cmpl    %ecx, %eax
        jb      30f
        addl    %ecx, phase_since(%r15)
        addq    $PHASE_SIZE, %rbp
        incl    phase_index(%r15)
        movl    phase_index(%r15), %eax
        movq    block(%r15), %rbx
        cmpl    V_PHASES(%rbx), %eax
        jb      change_phase
        movl    $0, phase_index(%r15)
        leaq    V_FIRST(%rbx), %rbp
        jmp     change_phase
30:     ret

tick:                                        # of the local APIC
        pushq   %rax
        incl    ticks(%r15)
        cmpl    $0, flush
        je      31f
        movq    %cr4, %rax
        xorl    $0x10, %eax
        movq    %rax, %cr4
31:     movl    $0, 0xb0(%r14)               # end of interrupt
        popq    %rax
spurious:
        iretq

tick_setup:                                  # QEMU's APIC counts nanoseconds
        movl    $0x12f, 0xf0(%r14)           # on; spurious interrupts are vector 0x2f
        movl    $0xb, 0x3e0(%r14)            # divided by 1
        movl    $0x20020, 0x320(%r14)        # periodic, vector 0x20
        movl    $1000000, 0x380(%r14)
        ret

# -- serial line -------------------------------------------------------------------------------------------------------
serial_setup:                                # 115200 8n1, FIFO on, no interrupts
        movl    $COM1 + 1, %edx
        xorl    %eax, %eax
        outb    %al, %dx
        movl    $COM1 + 3, %edx
        movb    $0x80, %al
        outb    %al, %dx
        movl    $COM1, %edx
        movb    $1, %al
        outb    %al, %dx
        incl    %edx
        xorl    %eax, %eax
        outb    %al, %dx
        movl    $COM1 + 3, %edx
        movb    $3, %al
        outb    %al, %dx
        movl    $COM1 + 2, %edx
        movb    $7, %al
        outb    %al, %dx
        ret

put:                                         # al; drops the character when nobody takes it: a guest must not hang
        pushq   %rcx
        pushq   %rdx
        movl    %eax, %ecx
        shll    $16, %ecx
        movw    $2000, %cx
        movl    $COM1 + 5, %edx
40:     inb     %dx, %al
        testb   $0x20, %al
        jnz     41f
        decw    %cx
        jnz     40b
        jmp     42f
41:     shrl    $16, %ecx
        movl    %ecx, %eax
        movl    $COM1, %edx
        outb    %al, %dx
42:     popq    %rdx
        popq    %rcx
        ret

put_hex:                                     # eax, eight digits
        movl    %eax, %ebx
        movl    $8, %ecx
50:     roll    $4, %ebx
        movl    %ebx, %eax
        andl    $15, %eax
        movb    digits(%eax), %al
        call    put
        decl    %ecx
        jnz     50b
        ret

report:
        movl    $'T', %eax
        call    put
        movl    $' ', %eax
        call    put
        movl    now_ms(%r15), %eax
        call    put_hex
        movl    $' ', %eax
        call    put
        xorl    %esi, %esi                   # all vCPUs' writes
        movl    vcpu_count, %ecx
        movl    $STATES, %edi
51:     addq    count(%rdi), %rsi
        addl    $0x1000, %edi
        decl    %ecx
        jnz     51b
        movq    %rsi, %rax
        shrq    $32, %rax
        call    put_hex
        movl    %esi, %eax
        call    put_hex
        movl    $'\n', %eax
        jmp     put

bad_parameters:
        movl    $'X', %eax
        call    put
        movl    $'\n', %eax
        call    put
        jmp     halt

# -- tables ------------------------------------------------------------------------------------------------------------
digits: .ascii  "0123456789abcdef"

        .balign 8
gdt:    .quad   0, 0x00cf9a000000ffff, 0x00cf92000000ffff    # none, flat 32-bit code (8), flat data (16)
        .quad   0x00af9a000000ffff                           # 64-bit code (24)
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt

        .balign 8
        .macro  gate handler                 # interrupt gate; all of the program lies in one run of 64 KiB
        .word   \handler - image, CODE64, 0x8e00, LOAD >> 16, 0, 0, 0, 0
        .endm
idt:    .fill   2 * 0x20, 8, 0
        gate    tick                         # 0x20
        .fill   2 * (0x2f - 0x21), 8, 0
        gate    spurious                     # 0x2f
idt_pointer:
        .word   idt_pointer - idt - 1
        .quad   idt
        .balign 16
image_end:
