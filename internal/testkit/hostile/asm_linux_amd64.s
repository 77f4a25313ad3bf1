#include "textflag.h"

// die ends the thread that a signal comes to: exit(0).
TEXT die<>(SB), NOSPLIT|NOFRAME, $0
	MOVL $60, AX
	XORL DI, DI
	SYSCALL
	INT  $3

// func dieAddress() uintptr
TEXT ·dieAddress(SB), NOSPLIT, $0-8
	LEAQ die<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func spawn(nr, a, b, c, d, e uintptr) uintptr
TEXT ·spawn(SB), NOSPLIT, $0-56
	MOVQ nr+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	MOVQ c+24(FP), DX
	MOVQ d+32(FP), R10
	MOVQ e+40(FP), R8
	SYSCALL
	TESTQ AX, AX
	JNZ  parent
	MOVL $60, AX
	XORL DI, DI
	SYSCALL

parent:
	MOVQ AX, ret+48(FP)
	RET

// func int80(nr, a uintptr) uintptr
TEXT ·int80(SB), NOSPLIT, $0-24
	MOVQ nr+0(FP), AX
	MOVQ a+8(FP), BX
	INT  $0x80
	MOVQ AX, ret+16(FP)
	RET
