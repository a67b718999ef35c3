# Records from an AC97 sound card and plays what it recorded, a sixth of a second later.
#
# Recording and playing go round one ring of 32 buffers of 512 frames at 0x20000.

        .code16
        .globl _start
        .set PI, 0x00                   # the recording engine's registers, from the card's second base
        .set PO, 0x10                   # the playing one's
        .set RING, 0x8000               # the list of buffers
_start: cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        sti

        movw $0xb102, %ax               # PCI BIOS: the card, its two bases, its permission to reach memory
        movw $0x2415, %cx
        movw $0x8086, %dx
        xorw %si, %si
        int $0x1a
        jc stop
        movw $0xb10a, %ax
        movw $0x10, %di
        int $0x1a
        andw $0xfffe, %cx
        movw %cx, mixer
        movw $0xb10a, %ax
        movw $0x14, %di
        int $0x1a
        andw $0xfffe, %cx
        movw %cx, engine
        movw $0xb10c, %ax
        movw $0x04, %di
        movw $0x05, %cx
        int $0x1a

        movw $RING, %di                 # 32 pairs: an address, a count of 16-bit samples
        movl $0x20000, %eax
        movw $32, %cx
list:   stosl
        movl $1024, (%di)
        addw $4, %di
        addl $2048, %eax
        loop list

        movw engine, %dx                # out of its reset
        addw $0x2c, %dx
        movl $2, %eax
        outl %eax, %dx
        xorw %ax, %ax
        movw mixer, %dx
        outw %ax, %dx
        addw $0x02, %dx                 # nothing is muted: the master, what is played, what is recorded
        outw %ax, %dx
        addw $0x16, %dx
        outw %ax, %dx
        addw $0x04, %dx
        outw %ax, %dx

        movw $PI, %bx
        call start
        movw 0x46c, %cx
        addw $3, %cx
behind: hlt
        cmpw 0x46c, %cx
        jne behind
        movw $PO, %bx
        call start

turn:   hlt                             # the last valid buffer is always the one before the current
        movw $PI, %bx
        call follow
        movw $PO, %bx
        call follow
        jmp turn

start:  movw engine, %dx
        addw %bx, %dx
        movl $RING, %eax
        outl %eax, %dx
        addw $5, %dx
        movb $31, %al
        outb %al, %dx
        addw $6, %dx
        movb $1, %al
        outb %al, %dx
        ret

follow: movw engine, %dx
        leaw 4(%bx), %ax
        addw %ax, %dx
        inb %dx, %al
        decb %al
        andb $31, %al
        incw %dx
        outb %al, %dx
        ret

stop:   hlt
        jmp stop

mixer:  .word 0
engine: .word 0
