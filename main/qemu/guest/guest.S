# The guest of a QEMU run: fills memory once, then writes pages as its parameter block says, and reports.
#
# 32-bit protected mode, no paging, no operating system. QEMU's multiboot loader enters at `start`; program.ts fills
# in the parameter block below, so that one binary serves every experiment. How the binary is made and kept honest:
# README.md beside this file.
#
# Clock      The ACPI PM timer (port 0x608, 3,579,545 Hz, 24 bits): it counts QEMU's virtual clock, which stands
#            still while the machine is stopped and needs no calibration. The 8254 gives a 1000 Hz tick that only
#            wakes the vCPU; ticks that were lost do not distort time. The PM timer wraps after 4.69 s, far above the
#            longest sleep of a throttled vCPU (0.99 s).
# Page write Two 4-byte stores into one page; the stored count differs each time, so that every write changes the page.
# Pacing     Each millisecond hands out `rate` writes (32.32 fixed point). A guest that fell behind makes up for at
#            most `catch_up` ms; the rest is forgone. With `full_speed` there is no pacing and the vCPU never halts.
# Report     Every `report_ms`: "T <clock ms> <page writes>", both in hexadecimal, over COM1. "F" once memory is
#            filled and the clock starts at 0; "X" followed by a number when the parameters make no sense.
# TLB        With `flush` CR4.PSE is toggled in each tick, which makes TCG drop its software TLB: without it a store
#            can miss dirty marking after a bitmap sync (QEMU 7.2, seen as pages that differ after a migration).

        .code32
        .set LOAD, 0x100000
        .set PM_TIMER, 0x608
        .set PM_HZ, 3579545
        .set COM1, 0x3f8
        .set PIC1, 0x20
        .set PIC2, 0xa0
        .set PIT, 0x40
        .set STACK_TOP, LOAD + 0x3000        # the page after this program; shared with no one
        .set BATCH, 64                       # writes between two looks at the tick at full speed

        .text
        .globl start
image:
        .set FLAGS, 0x10000                  # bit 16: the load addresses below are valid (flat binary)
        .long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
        .long image, image, image_end, STACK_TOP, start

        .org 0x40
# -- parameter block; offsets are known to program.ts ------------------------------------------------------------------
param_magic:    .long 0x4e575242             # "BRWN"
param_version:  .long 1
fill_first:     .long 0                      # page
fill_pages:     .long 0
seed:           .long 1                      # of xorshift32, not 0
flush:          .long 1
report_ms:      .long 200
phase_count:    .long 1                      # 1 ... 16; after the last the first begins again

        .org 0x80
        .set PHASE_SIZE, 64
phases:                                      # 16 entries, all zero but this: an idle guest
        .set P_FOR, 0                        # ms; 0 = for ever
        .set P_PATTERN, 4                    # 0 idle, 1 sequential, 2 uniform, 3 hotcold, 4 window, 5 burst
        .set P_FIRST, 8                      # page
        .set P_PAGES, 12                     # working set, or the window's length
        .set P_RATE, 16                      # page writes per ms, whole part
        .set P_RATE_FRACTION, 20             # ... and fraction, in 1 / 2^32
        .set P_FULL_SPEED, 24
        .set P_CATCH_UP, 28                  # ms
        .set P_HOT_PAGES, 32
        .set P_HOT_SHARE, 36                 # of the writes, in 1 / 2^32
        .set P_REGION, 40                    # window: pages it moves inside
        .set P_EVERY, 44                     # window: ms between jumps; burst: ms on
        .set P_OFF, 48                       # burst: ms off
        .fill 16 * PHASE_SIZE, 1, 0

# -- state: one page of its own, so that the reports cost one dirty page and not two -----------------------------------
        .set STATE, LOAD + 0x2000            # same page as the stack, which grows down from its end
        .set ticks, STATE + 0                # counted by the tick handler
        .set pm_last, STATE + 4
        .set pm_rest, STATE + 8              # PM ticks * 1000 not yet a millisecond
        .set now_ms, STATE + 12
        .set served_ms, STATE + 16           # the millisecond whose writes are done
        .set due_fraction, STATE + 20
        .set count_low, STATE + 24
        .set count_high, STATE + 28
        .set random, STATE + 32
        .set cursor, STATE + 36              # sequential: next page of the set
        .set phase_index, STATE + 40
        .set phase_since, STATE + 44
        .set report_at, STATE + 48
        .set window_base, STATE + 52
        .set ticks_seen, STATE + 56

        .org 0x480
start:
        cli
        cld
        movl    $STACK_TOP, %esp
        lgdt    gdt_pointer
        ljmp    $8, $1f
1:      movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        lidt    idt_pointer
        movl    $STATE, %edi
        xorl    %eax, %eax
        movl    $16, %ecx
        rep stosl
        call    serial_setup
        movl    phase_count, %eax
        decl    %eax
        cmpl    $15, %eax
        ja      bad_parameters
        cmpl    $0, seed
        je      bad_parameters
        movl    seed, %eax
        movl    %eax, random

# Fills: one non-zero word in each 64 bytes.
        movl    fill_first, %edi
        shll    $12, %edi
        movl    fill_pages, %ecx
        shll    $6, %ecx
        jz      filled
2:      movl    %edi, %eax
        orl     $1, %eax
        movl    %eax, (%edi)
        addl    $64, %edi
        decl    %ecx
        jnz     2b
filled:
        call    timers_setup
        movl    $'F', %eax
        call    put
        movl    $'\n', %eax
        call    put
        call    read_clock                   # from here time counts
        xorl    %eax, %eax
        movl    %eax, pm_rest
        movl    %eax, now_ms
        movl    $phases, %ebp                # ebp: the current phase, everywhere below
        sti

# -- main loop ---------------------------------------------------------------------------------------------------------
main:
        call    read_clock
        call    change_phase
        movl    now_ms, %eax
        cmpl    report_at, %eax
        jb      3f
        addl    report_ms, %eax
        movl    %eax, report_at
        call    report
3:      cmpl    $0, P_PATTERN(%ebp)
        je      rest
        cmpl    $5, P_PATTERN(%ebp)
        jne     4f
        call    burst_is_on
        jnc     rest
4:      cmpl    $0, P_FULL_SPEED(%ebp)
        jne     flat_out

        movl    now_ms, %eax                 # paced: at most catch_up ms are made up for
        movl    %eax, %edx
        subl    served_ms, %edx
        jz      wait                         # this millisecond is done
        movl    P_CATCH_UP(%ebp), %ecx
        incl    %ecx
        cmpl    %ecx, %edx
        jbe     5f
        subl    %ecx, %eax
        movl    %eax, served_ms
5:      incl    served_ms
        movl    P_RATE_FRACTION(%ebp), %eax
        addl    %eax, due_fraction
        movl    P_RATE(%ebp), %ecx
        adcl    $0, %ecx
        call    write_pages
        jmp     main

flat_out:
        movl    now_ms, %eax
        movl    %eax, served_ms
        movl    ticks, %eax
        movl    %eax, ticks_seen
6:      movl    $BATCH, %ecx
        call    write_pages
        movl    ticks, %eax
        cmpl    ticks_seen, %eax
        je      6b
        jmp     main

rest:   movl    now_ms, %eax                 # nothing to write: time passes without debt
        movl    %eax, served_ms
wait:   hlt
        jmp     main

# -- writing: ecx page writes of the current phase ---------------------------------------------------------------------
write_pages:
        testl   %ecx, %ecx
        jz      20f
        cmpl    $4, P_PATTERN(%ebp)
        jne     10f
        call    place_window
10:     call    choose_page                  # eax = page of the set
        addl    P_FIRST(%ebp), %eax
        shll    $12, %eax
        movl    count_low, %edx
        addl    $1, %edx
        movl    %edx, count_low
        adcl    $0, count_high
        movl    %edx, (%eax)
        notl    %edx
        movl    %edx, 0x800(%eax)
        decl    %ecx
        jnz     10b
20:     ret

choose_page:
        movl    P_PATTERN(%ebp), %eax
        cmpl    $1, %eax
        je      sequential
        cmpl    $3, %eax
        je      hotcold
        cmpl    $4, %eax
        je      window
        movl    P_PAGES(%ebp), %ebx          # uniform, and burst while it is on

draw:                                        # eax = a number below ebx
        call    xorshift
        mull    %ebx
        movl    %edx, %eax
        ret

sequential:
        movl    cursor, %eax
        cmpl    P_PAGES(%ebp), %eax
        jb      11f
        xorl    %eax, %eax
11:     leal    1(%eax), %edx
        movl    %edx, cursor
        ret

hotcold:
        call    xorshift
        cmpl    P_HOT_SHARE(%ebp), %eax
        jae     12f
        movl    P_HOT_PAGES(%ebp), %ebx
        jmp     draw
12:     movl    P_PAGES(%ebp), %ebx
        subl    P_HOT_PAGES(%ebp), %ebx
        call    draw
        addl    P_HOT_PAGES(%ebp), %eax
        ret

window:
        movl    P_PAGES(%ebp), %ebx
        call    draw
        addl    window_base, %eax
        cmpl    P_REGION(%ebp), %eax
        jb      13f
        subl    P_REGION(%ebp), %eax
13:     ret

place_window:                                # base = (time in phase / every * length) mod region
        movl    now_ms, %eax
        subl    phase_since, %eax
        xorl    %edx, %edx
        divl    P_EVERY(%ebp)
        mull    P_PAGES(%ebp)                # below 2^32 * region, as the window fits: no overflow
        divl    P_REGION(%ebp)
        movl    %edx, window_base
        ret

burst_is_on:                                 # carry: yes
        movl    now_ms, %eax
        subl    phase_since, %eax
        movl    P_EVERY(%ebp), %ecx
        addl    P_OFF(%ebp), %ecx
        xorl    %edx, %edx
        divl    %ecx
        cmpl    P_EVERY(%ebp), %edx
        ret

xorshift:                                    # eax = the next number (Marsaglia's 13, 17, 5); keeps ebx, ecx
        movl    random, %eax
        movl    %eax, %edx
        shll    $13, %edx
        xorl    %edx, %eax
        movl    %eax, %edx
        shrl    $17, %edx
        xorl    %edx, %eax
        movl    %eax, %edx
        shll    $5, %edx
        xorl    %edx, %eax
        movl    %eax, random
        ret

# -- time --------------------------------------------------------------------------------------------------------------
read_clock:
        movl    $PM_TIMER, %edx
        inl     %dx, %eax
        andl    $0xffffff, %eax
        movl    %eax, %ecx
        subl    pm_last, %eax
        movl    %ecx, pm_last
        andl    $0xffffff, %eax
        movl    $1000, %edx
        mull    %edx
        addl    pm_rest, %eax
        adcl    $0, %edx
        movl    $PM_HZ, %ecx
        divl    %ecx
        movl    %edx, pm_rest
        addl    %eax, now_ms
        ret

change_phase:
        movl    P_FOR(%ebp), %ecx
        testl   %ecx, %ecx
        jz      30f
        movl    now_ms, %eax
        subl    phase_since, %eax
        cmpl    %ecx, %eax
        jb      30f
        addl    %ecx, phase_since
        addl    $PHASE_SIZE, %ebp
        incl    phase_index
        movl    phase_index, %eax
        cmpl    phase_count, %eax
        jb      change_phase
        movl    $0, phase_index
        movl    $phases, %ebp
        jmp     change_phase
30:     ret

tick:                                        # IRQ 0
        pushl   %eax
        incl    ticks
        cmpl    $0, flush
        je      31f
        movl    %cr4, %eax
        xorl    $0x10, %eax
        movl    %eax, %cr4
31:     movb    $0x20, %al
        outb    %al, $PIC1
        popl    %eax
        iret

timers_setup:
        movb    $0x11, %al                   # both 8259: vectors 0x20 and 0x28, all masked but IRQ 0
        outb    %al, $PIC1
        outb    %al, $PIC2
        movb    $0x20, %al
        outb    %al, $PIC1 + 1
        movb    $0x28, %al
        outb    %al, $PIC2 + 1
        movb    $4, %al
        outb    %al, $PIC1 + 1
        movb    $2, %al
        outb    %al, $PIC2 + 1
        movb    $1, %al
        outb    %al, $PIC1 + 1
        outb    %al, $PIC2 + 1
        movb    $0xfe, %al
        outb    %al, $PIC1 + 1
        movb    $0xff, %al
        outb    %al, $PIC2 + 1
        movb    $0x34, %al                   # 8254 channel 0, mode 2, 1,193,182 / 1193 = 1000.15 Hz
        outb    %al, $PIT + 3
        movb    $1193 & 0xff, %al
        outb    %al, $PIT
        movb    $1193 >> 8, %al
        outb    %al, $PIT
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
        pushl   %ecx
        pushl   %edx
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
42:     popl    %edx
        popl    %ecx
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
        movl    now_ms, %eax
        call    put_hex
        movl    $' ', %eax
        call    put
        movl    count_high, %eax
        call    put_hex
        movl    count_low, %eax
        call    put_hex
        movl    $'\n', %eax
        jmp     put

bad_parameters:
        movl    $'X', %eax
        call    put
        movl    $'\n', %eax
        call    put
        hlt

# -- tables ------------------------------------------------------------------------------------------------------------
digits: .ascii  "0123456789abcdef"

        .balign 8
gdt:    .quad   0, 0x00cf9a000000ffff, 0x00cf92000000ffff    # none, flat code (8), flat data (16)
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt

        .balign 8
idt:    .fill   0x20, 8, 0
        .word   tick_low, 8, 0x8e00, LOAD >> 16              # 0x20: IRQ 0, interrupt gate
        .set    tick_low, tick - image
idt_pointer:
        .word   idt_pointer - idt - 1
        .long   idt
image_end:
