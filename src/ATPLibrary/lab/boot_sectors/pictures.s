# Moving pictures of 640 x 480 pixels, 25 a second, and a tone of 1000 Hz of the PC's speaker.
#
# Colours that go from one to the next with every pixel, as photographs do: spice-server streams nothing else. They all change
# with every picture.
# Key "p" stops and moves the pictures, key "s" begins and ends the tone.

        .code16
        .globl _start
_start: cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7c00, %sp
        sti

        # The graphics card's mode: pairs of a register and its value.
        movw $mode, %si
        movw $(mode_end - mode) / 4, %cx
set:    movw $0x1ce, %dx
        lodsw
        outw %ax, %dx
        incw %dx
        lodsw
        outw %ax, %dx
        loop set

        # Timer 0 ticks 25 times a second; timer 2 is the speaker's, 1193182 / 1193 Hz.
        movb $0x34, %al
        outb %al, $0x43
        movb $(47727 & 255), %al
        outb %al, $0x40
        movb $(47727 >> 8), %al
        outb %al, $0x40
        movb $0xb6, %al
        outb %al, $0x43
        movb $(1193 & 255), %al
        outb %al, $0x42
        movb $(1193 >> 8), %al
        outb %al, $0x42

picture:
        movw 0x46c, %bx                 # the BIOS counts the ticks here
wait:   hlt
        cmpw 0x46c, %bx
        je wait

        movb $1, %ah                    # a key?
        int $0x16
        jz draw
        xorb %ah, %ah
        int $0x16
        cmpb $'p', %al
        jne speaker
        xorb $1, moving
speaker:
        cmpb $'s', %al
        jne draw
        inb $0x61, %al
        xorb $3, %al
        outb %al, $0x61

draw:   cmpb $0, moving
        je picture
        addl $0x00030507, color
        xorw $20, page                  # drawn where it isn't shown, from bank 0 or 20 of 64 KiB on: line 0 or 512
        movw page, %bx
        leaw 19(%bx), %si
        movw $0xa000, %ax
        movw %ax, %es
        movl color, %eax
bank:   movl %eax, %ebp
        movw $0x1ce, %dx
        movw $5, %ax
        outw %ax, %dx
        incw %dx
        movw %bx, %ax
        outw %ax, %dx
        movl %ebp, %eax
        xorw %di, %di
        movw $16384, %cx
pixel:  stosl
        addl $0x00020202, %eax
        loop pixel
        incw %bx
        cmpw %si, %bx
        jb bank

        movw $0x1ce, %dx                # shown, all at once
        movw $9, %ax
        outw %ax, %dx
        incw %dx
        movw page, %ax
        testw %ax, %ax
        jz show
        movw $512, %ax
show:   outw %ax, %dx
        jmp picture

mode:   .word 4, 0,  1, 640,  2, 480,  3, 32,  4, 1
mode_end:
color:  .long 0x00204060
page:   .word 20
moving: .byte 1
