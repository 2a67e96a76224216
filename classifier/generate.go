package classifier

//go:generate go run illmail/cmd/illmail classifier build --training training --out model.bin
