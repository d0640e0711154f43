namespace HangAnalysis.Targets.Unwinding;

/// <summary>
/// A stack that was read in one go. Unwinding reads a stack word by word, and each word of a dump costs a translation
/// of its address; one read of the used part costs one. The buffer is kept from thread to thread.
/// </summary>
/// <param name="underlying">Where the stack is read from, and whatever lies beside it.</param>
public sealed class BufferedStack(IMemory underlying) : IMemory
{
    private IMemory _underlying = underlying;
    private byte[] _buffer = [];
    private ulong _low;
    private int _length;

    /// <summary>
    /// Reads a stack's bytes from <paramref name="low"/> to before <paramref name="high"/>, at most
    /// <see cref="Limits.StackBytes"/> of them, in place of those of the stack before it.
    /// </summary>
    public void Load(ulong low, ulong high)
    {
        _low = low;
        _length = 0;
        if (high <= low)
            return;
        int wanted = (int)Math.Min(high - low, Limits.StackBytes);
        if (_buffer.Length < wanted)
            _buffer = new byte[Math.Min((wanted + 0x1fff) & ~0x1fff, Limits.StackBytes)];
        _length = Math.Clamp(_underlying.Read(low, _buffer.AsSpan(0, wanted)), 0, wanted);
    }

    /// <summary>Reads a stack of another address space, in place of that before it.</summary>
    public void Load(IMemory underlying, ulong low, ulong high)
    {
        _underlying = underlying;
        Load(low, high);
    }

    /// <inheritdoc/>
    public int PointerSize => _underlying.PointerSize;

    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer)
    {
        ulong offset = unchecked(address - _low);
        if (offset >= (ulong)_length)
            return _underlying.Read(address, buffer);
        int count = Math.Min(buffer.Length, _length - (int)offset);
        _buffer.AsSpan((int)offset, count).CopyTo(buffer);
        if (count == buffer.Length)
            return count;
        return count + Math.Max(0, _underlying.Read(unchecked(address + (ulong)count), buffer[count..]));
    }
}
