package envoytest

// maxrssUnit is what getrusage(2) counts memory in.
const maxrssUnit = 1 << 10
