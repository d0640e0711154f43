namespace HangAnalysis.DbgEng;

/// <summary>IDebugDataSpaces: memory.</summary>
public sealed unsafe class DebugDataSpaces : IDisposable
{
    private static readonly Guid s_id = new("88f7dfab-3ea7-4c3a-aefb-c4e8106173aa");
    private readonly DebugInterface _spaces;

    /// <summary>Takes the interface from a client.</summary>
    public DebugDataSpaces(DebugInterface client) => _spaces = client.Query(s_id);

    /// <summary>Reads virtual memory as the current process sees it; returns how many bytes were there.</summary>
    public int ReadVirtual(ulong address, Span<byte> buffer) => Read(3, address, buffer);

    /// <summary>Reads physical memory; returns how many bytes were there.</summary>
    public int ReadPhysical(ulong address, Span<byte> buffer) => Read(10, address, buffer);

    /// <summary>A pointer of the kernel's debugger data block, by its offset there (DEBUG_DATA_*); 0 where unknown.</summary>
    public ulong ReadDebuggerData(uint index)
    {
        ulong value = 0;
        uint size;
        int result = ((delegate* unmanaged[Stdcall]<nint, uint, void*, uint, uint*, int>)_spaces[21])(
            _spaces.Pointer, index, &value, sizeof(ulong), &size);
        return result < 0 || size > sizeof(ulong) ? 0 : value;
    }

    /// <inheritdoc/>
    public void Dispose() => _spaces.Release();

    private int Read(int slot, ulong address, Span<byte> buffer)
    {
        uint read = 0;
        fixed (byte* bytes = buffer)
        {
            int result = ((delegate* unmanaged[Stdcall]<nint, ulong, byte*, uint, uint*, int>)_spaces[slot])(
                _spaces.Pointer, address, bytes, (uint)buffer.Length, &read);
            return result < 0 ? 0 : (int)Math.Min(read, (uint)buffer.Length);
        }
    }
}
