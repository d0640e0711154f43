using System.Runtime.InteropServices;

namespace HangAnalysis.DbgEng;

/// <summary>An interface pointer of the debugger engine.</summary>
/// <remarks>
/// The engine's interfaces have up to 177 methods; declaring all of them to call thirty would be a thousand lines that
/// nobody can check. Each wrapper therefore calls by the method's place in the virtual function table, counted in
/// dbgeng.h of the NuGet package Microsoft.Debugging.Platform.DbgEng (0 to 2 are IUnknown's). Published interfaces never
/// change, so neither do the places. COM wrappers of the runtime would add reference counting and thread checks that an
/// extension call does not need: the pointers live as long as the call.
/// </remarks>
public readonly unsafe struct DebugInterface : IEquatable<DebugInterface>
{
    /// <summary>HRESULT of a call that did what it should.</summary>
    public const int Ok = 0;

    private readonly void** _pointer;

    /// <summary>Takes a pointer that the engine gave.</summary>
    public DebugInterface(nint pointer) => _pointer = (void**)pointer;

    /// <summary>The pointer.</summary>
    public nint Pointer => (nint)_pointer;

    /// <summary>The method at a place of the virtual function table.</summary>
    public void* this[int slot] => ((void**)*_pointer)[slot];

    /// <summary>Asks for another interface of the same object; the caller releases it.</summary>
    public DebugInterface Query(Guid interfaceId)
    {
        int result = Marshal.QueryInterface(Pointer, in interfaceId, out nint other);
        return result == Ok ? new DebugInterface(other) : throw new DebugEngineException("QueryInterface", result);
    }

    /// <summary>Gives the reference back.</summary>
    public void Release() => Marshal.Release(Pointer);

    /// <inheritdoc/>
    public bool Equals(DebugInterface other) => _pointer == other._pointer;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is DebugInterface other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Pointer.GetHashCode();

    /// <summary>Whether both are one pointer.</summary>
    public static bool operator ==(DebugInterface left, DebugInterface right) => left.Equals(right);

    /// <summary>Whether both are not one pointer.</summary>
    public static bool operator !=(DebugInterface left, DebugInterface right) => !left.Equals(right);
}

/// <summary>A call into the debugger engine failed.</summary>
public sealed class DebugEngineException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="method">Method of the engine, as dbgeng.h names it.</param>
    /// <param name="result">The HRESULT.</param>
    public DebugEngineException(string method, int result) : base($"the debugger engine's {method} failed with 0x{result:x8}") =>
        HResult = result;

    /// <summary>Makes the exception with its message.</summary>
    public DebugEngineException(string message) : base(message) { }

    /// <summary>Makes the exception with its message and cause.</summary>
    public DebugEngineException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Makes an exception without a message of its own; only for serialisers.</summary>
    public DebugEngineException() { }

    /// <summary>Throws where a call failed. Positive results (S_FALSE) are no failures.</summary>
    public static void ThrowIfFailed(int result, string method)
    {
        if (result < 0)
            throw new DebugEngineException(method, result);
    }
}
