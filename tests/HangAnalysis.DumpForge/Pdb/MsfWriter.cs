namespace HangAnalysis.DumpForge.Pdb;

/// <summary>Writes streams into an MSF 7.00 container (format: LLVM's "The MSF File Format").</summary>
internal static class MsfWriter
{
    private const int BlockSize = 0x1000;

    public static byte[] Write(IReadOnlyList<byte[]> streams)
    {
        ByteWriter file = new();
        file.Zero(3 * BlockSize);
        ByteWriter directory = new();
        directory.U32(streams.Count);
        foreach (byte[] stream in streams)
            directory.U32(stream.Length);
        foreach (byte[] stream in streams)
            foreach (int block in Append(file, stream))
                directory.U32(block);
        ByteWriter map = new();
        foreach (int block in Append(file, directory.Written))
            map.U32(block);
        if (map.Length > BlockSize)
            throw new InvalidOperationException("the stream directory needs more than one block for its block list");
        int mapBlock = Append(file, map.Written)[0];

        int blocks = file.Length / BlockSize;
        byte[] result = file.ToArray();
        ByteWriter super = new();
        super.Bytes("Microsoft C/C++ MSF 7.00\r\n\x1a"u8).Bytes("DS\0\0\0"u8)
            .U32(BlockSize).U32(1).U32(blocks).U32(directory.Length).U32(0).U32(mapBlock);
        super.Written.CopyTo(result);
        // The free block map: a set bit is a free block. All blocks of the file are used.
        Span<byte> free = result.AsSpan(BlockSize, 2 * BlockSize);
        free.Fill(0xff);
        for (int block = 0; block < blocks; block++)
            free[block / 8] &= (byte)~(1 << block % 8);
        return result;
    }

    private static List<int> Append(ByteWriter file, ReadOnlySpan<byte> content)
    {
        List<int> blocks = [];
        while (content.Length > 0)
        {
            // Blocks 1 and 2 of every 4096 belong to the free block map.
            if (file.Length / BlockSize % BlockSize == 1)
                file.Fill(0xff, 2 * BlockSize);
            blocks.Add(file.Length / BlockSize);
            int count = Math.Min(content.Length, BlockSize);
            file.Bytes(content[..count]).Align(BlockSize);
            content = content[count..];
        }
        return blocks;
    }
}
