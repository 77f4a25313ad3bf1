#include "textflag.h"

// die ends the thread that a signal comes to: exit(0).
TEXT die<>(SB), NOSPLIT|NOFRAME, $0
	MOVD $93, R8
	MOVD $0, R0
	SVC
	BRK

// func dieAddress() uintptr
TEXT ·dieAddress(SB), NOSPLIT, $0-8
	MOVD $die<>(SB), R0
	MOVD R0, ret+0(FP)
	RET

// func spawn(nr, a, b, c, d, e uintptr) uintptr
TEXT ·spawn(SB), NOSPLIT, $0-56
	MOVD nr+0(FP), R8
	MOVD a+8(FP), R0
	MOVD b+16(FP), R1
	MOVD c+24(FP), R2
	MOVD d+32(FP), R3
	MOVD e+40(FP), R4
	SVC
	CBNZ R0, parent
	MOVD $93, R8
	SVC

parent:
	MOVD R0, ret+48(FP)
	RET
