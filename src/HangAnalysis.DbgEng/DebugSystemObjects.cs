namespace HangAnalysis.DbgEng;

/// <summary>IDebugSystemObjects3: which target and which thread are current.</summary>
public sealed unsafe class DebugSystemObjects : IDisposable
{
    private static readonly Guid s_id = new("e9676e2f-e286-4ea3-b0f9-dfe5d9fc330e");
    private readonly DebugInterface _objects;

    /// <summary>Takes the interface from a client.</summary>
    public DebugSystemObjects(DebugInterface client) => _objects = client.Query(s_id);

    /// <summary>Address of the KTHREAD that was current on the current processor; 0 where unknown.</summary>
    public ulong GetCurrentThreadDataOffset()
    {
        ulong address;
        return ((delegate* unmanaged[Stdcall]<nint, ulong*, int>)_objects[13])(_objects.Pointer, &address) < 0 ? 0 : address;
    }

    /// <summary>Number of the current one of several targets.</summary>
    public uint GetCurrentSystemId()
    {
        uint id;
        return ((delegate* unmanaged[Stdcall]<nint, uint*, int>)_objects[38])(_objects.Pointer, &id) < 0 ? 0 : id;
    }

    /// <inheritdoc/>
    public void Dispose() => _objects.Release();
}
