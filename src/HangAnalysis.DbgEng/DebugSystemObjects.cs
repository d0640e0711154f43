namespace HangAnalysis.DbgEng;

/// <summary>IDebugSystemObjects3: which target and which thread are current.</summary>
public sealed unsafe class DebugSystemObjects : IDisposable
{
    private static readonly Guid s_id = new("e9676e2f-e286-4ea3-b0f9-dfe5d9fc330e");
    private readonly DebugInterface _objects;

    /// <summary>Takes the interface from a client.</summary>
    public DebugSystemObjects(DebugInterface client) => _objects = client.Query(s_id);

    /// <summary>Address of the KTHREAD that was current on the current processor; 0 where unknown.</summary>
    public ulong GetCurrentThreadDataOffset() => Get(13);

    /// <summary>The KTHREAD whose registers the engine shows; 0 where unknown. To set it empties the engine's caches.</summary>
    public ulong ImplicitThread
    {
        get => Get(33);
        set => Set(34, value, "SetImplicitThreadDataOffset");
    }

    /// <summary>The KPROCESS whose memory the engine shows; 0 where unknown. To set it empties the engine's caches.</summary>
    public ulong ImplicitProcess
    {
        get => Get(35);
        set => Set(36, value, "SetImplicitProcessDataOffset");
    }

    /// <summary>Number of the current one of several targets.</summary>
    public uint GetCurrentSystemId()
    {
        uint id;
        return ((delegate* unmanaged[Stdcall]<nint, uint*, int>)_objects[38])(_objects.Pointer, &id) < 0 ? 0 : id;
    }

    /// <inheritdoc/>
    public void Dispose() => _objects.Release();

    private ulong Get(int slot)
    {
        ulong address;
        return ((delegate* unmanaged[Stdcall]<nint, ulong*, int>)_objects[slot])(_objects.Pointer, &address) < 0 ? 0 : address;
    }

    private void Set(int slot, ulong address, string method) => DebugEngineException.ThrowIfFailed(
        ((delegate* unmanaged[Stdcall]<nint, ulong, int>)_objects[slot])(_objects.Pointer, address), method);
}
